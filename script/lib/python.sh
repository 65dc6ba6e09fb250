# Sourced by script/setup: find a Python that Home Assistant accepts, or get one.
# shellcheck shell=bash

PYTHON_RANGE='>=3.14.2,<3.15'

# A check of the version and of the modules that Debian packs separately.
python_works() {
  "$1" -c 'import sys, ssl, sqlite3, ctypes, lzma, venv, zoneinfo
sys.exit(not (3, 14, 2) <= sys.version_info[:3] < (3, 15))' 2>/dev/null
}

# find_python: print the path of a Python, in this order: found, managed by uv, Debian sid's packages
find_python() {
  local found sid=$ROOT/.python/sid/root/usr/bin/python3.14
  export UV_PYTHON_INSTALL_DIR=$ROOT/.python/uv
  for found in "$(command -v python3.14 || true)" "$sid" \
    "$("$UV" python find --no-project --no-python-downloads "$PYTHON_RANGE" 2>/dev/null || true)"; do
    if [ -n "$found" ] && python_works "$found"; then
      printf '%s\n' "$found"
      return
    fi
  done
  if UV_HTTP_CONNECT_TIMEOUT=5 UV_HTTP_RETRIES=0 quietly "$UV" python install --no-bin 3.14 2>/dev/null; then
    found=$("$UV" python find --no-project --managed-python "$PYTHON_RANGE" 2>/dev/null || true)
    if [ -n "$found" ] && python_works "$found"; then
      printf '%s\n' "$found"
      return
    fi
  fi
  if [ -e /etc/debian_version ] && command -v apt-get >/dev/null; then
    say "setup: Python 3.14 from Debian sid's packages, unpacked into .python/"
    sid_python "$ROOT/.python/sid"
    python_works "$sid" || die "the Python 3.14 of Debian sid does not run here" "Install Python 3.14.2 or newer and run this again"
    printf '%s\n' "$sid"
    return
  fi
  die "no Python $PYTHON_RANGE here and uv could not download one" "Install Python 3.14.2 or newer and run this again"
}

# sid_python DEST: unpack sid's python3.14 and all it needs beside the system; nothing of the system is changed
sid_python() {
  local dest=$1 mirror patchelf ld lib
  patchelf=$(tool patchelf) || exit 1
  mirror=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '/^URIs:/{print $2; exit} /^deb /{sub(/^deb +(\[[^]]*\] +)?/, ""); print $1; exit}')
  [ -n "$mirror" ] || die "no Debian mirror in the apt configuration" "Install Python 3.14.2 or newer and run this again"
  rm -rf "$dest"
  mkdir -p "$dest"/apt/{lists/partial,etc} "$dest"/apt/cache/archives/partial "$dest/root"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s sid main\n' "$mirror" >"$dest/apt/etc/sources.list"
  : >"$dest/apt/status" # an empty system: apt then resolves and fetches everything that Python needs, libc included
  local apt=(apt-get -q -y -o "Dir::Etc::sourcelist=$dest/apt/etc/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::Etc::preferencesparts=- -o "Dir::State=$dest/apt" -o "Dir::State::lists=$dest/apt/lists"
    -o "Dir::State::status=$dest/apt/status" -o "Dir::Cache=$dest/apt/cache" -o Debug::NoLocking=1
    -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=2)
  quietly "${apt[@]}" update ||
    die "Debian sid's package list could not be fetched" "Check the network and the apt mirror, or install Python 3.14.2 or newer"
  quietly "${apt[@]}" install --download-only --no-install-recommends python3.14 python3.14-venv libstdc++6 ||
    die "Debian sid's Python packages could not be fetched" "Check the network and the apt mirror, or install Python 3.14.2 or newer"
  local deb
  for deb in "$dest"/apt/cache/archives/*.deb; do
    quietly dpkg-deb -x "$deb" "$dest/root" || die "$(basename "$deb") could not be unpacked" "Is the disk full? Run this again"
  done
  ld=$(find "$dest/root/usr/lib" -name 'ld-linux*.so.*' | head -n 1)
  lib=$(dirname "$(find "$dest/root/usr/lib" -name 'libc.so.6' | head -n 1)")
  # Without --force-rpath extension modules would find the system's older libraries first.
  quietly "$patchelf" --set-interpreter "$(readlink -f "$ld")" --force-rpath --set-rpath "$lib" "$dest/root/usr/bin/python3.14" ||
    die "patchelf failed on Debian sid's Python" "Install Python 3.14.2 or newer and run this again"
  rm -rf "$dest/apt"
}
