# Sourced by script/setup: virtual environments made from a pinned requirements file.
# shellcheck shell=bash

# up_to_date NAME TXT: true when the environment has been made from exactly this file and its Python still runs
up_to_date() {
  [ -f "$ROOT/$1/.requirements" ] && cmp -s "$ROOT/$1/.requirements" "$ROOT/requirements/$2" && "$ROOT/$1/bin/python" -c '' 2>/dev/null
}

# make_venv NAME TXT: create or renew it
make_venv() {
  local dir=$ROOT/$1 file=$ROOT/requirements/$2
  up_to_date "$1" "$2" && return
  say "setup: $1 from requirements/$2"
  [ -n "${UV:-}" ] || UV=$(tool uv) || exit 1
  if ! "$dir/bin/python" -c '' 2>/dev/null; then
    [ -n "${PYTHON:-}" ] || PYTHON=$(find_python) || exit 1
    quietly "$UV" venv --no-project --no-python-downloads --clear --python "$PYTHON" "$dir" ||
      die "$1 could not be created" "Remove the folder $1 and run this again"
  fi
  rm -f "$dir/.requirements"
  quietly "$UV" pip sync --python "$dir/bin/python" "$file" ||
    die "the packages of requirements/$2 could not be installed" "Check the network and the disk, and run this again"
  cp "$file" "$dir/.requirements"
}
