# Sourced by script/setup: find uv, or install it from PyPI into .tools/.
# shellcheck shell=bash

# Companies that inspect TLS have their root in the system's store, not in uv's.
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
# uv warns when its cache and the environment lie on different file systems.
export UV_LINK_MODE=${UV_LINK_MODE:-$([ "$(stat -c %d "$HOME" 2>/dev/null)" = "$(stat -c %d "$ROOT" 2>/dev/null)" ] || echo copy)}
[ -n "$UV_LINK_MODE" ] || unset UV_LINK_MODE
export UV_NO_PROGRESS=1

# make_tools: a small environment of the system's own Python, for programs that PyPI ships as wheels
make_tools() {
  [ -x "$TOOLS/bin/pip" ] && "$TOOLS/bin/python" -c '' 2>/dev/null && return
  command -v python3 >/dev/null ||
    die "there is no uv and no python3 to install it with" "Install uv (https://docs.astral.sh/uv) or python3 and run this again"
  if ! quietly python3 -m venv --clear "$TOOLS/new"; then
    # Debian splits venv off its Python
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      quietly apt-get -q update || die "apt-get update failed" "Check the network and the package sources"
      quietly env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends python3-venv ||
        die "apt-get install python3-venv failed" "Install it by hand, or uv, and run this again"
      quietly python3 -m venv --clear "$TOOLS/new" ||
        die "python3 -m venv failed" "Install uv (https://docs.astral.sh/uv) and run this again"
    else
      die "python3 has no venv module" "Install it (Debian: apt-get install python3-venv) or uv, and run this again"
    fi
  fi
  rm -rf "$TOOLS/new"
  quietly python3 -m venv "$TOOLS" || die "python3 -m venv .tools failed" "Is the disk full or the folder read-only?"
}

# pinned NAME: its line in requirements/tools.txt
pinned() { grep "^$1==" "$ROOT/requirements/tools.txt"; }

# tool NAME: print the path of a program, from PATH, or from PyPI into .tools/
tool() {
  local name=$1
  if command -v "$name" >/dev/null && "$name" --version >/dev/null 2>&1; then
    command -v "$name"
    return
  fi
  if [ ! -x "$TOOLS/bin/$name" ]; then
    make_tools
    quietly "$TOOLS/bin/pip" -q --disable-pip-version-check install "$(pinned "$name")" ||
      die "$name could not be installed from PyPI" "Check the network, or install $name by hand, and run this again"
  fi
  printf '%s\n' "$TOOLS/bin/$name"
}
