# Sourced by the scripts: where things are, and how a script fails.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOOLS=$ROOT/.tools
LOG=$TOOLS/setup.log

# Without bytecode Home Assistant takes three times as long to start.
unset PYTHONDONTWRITEBYTECODE
# An active environment of the caller must not become the target of an installation.
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME

# die WHAT_FAILED WHAT_TO_DO: the last line of a failed script
die() {
  printf 'FAILED: %s. %s\n' "$1" "$2" >&2
  exit 1
}

say() { printf '%s\n' "$*" >&2; }

# quietly COMMAND...: keep the output for the log, show its end when the command fails
quietly() {
  mkdir -p "$TOOLS"
  if ! "$@" >"$LOG" 2>&1 </dev/null; then
    tail -n 15 "$LOG" >&2
    return 1
  fi
}
