# Sourced by script/setup and script/test: the browser for the browser tests.
# shellcheck shell=bash

# find_chromium: print the path of a Chromium or Chrome
find_chromium() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

# install_chromium: only as root on Debian; elsewhere it says how
install_chromium() {
  find_chromium >/dev/null && return
  if [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    say "setup: Debian's chromium for the browser tests"
    quietly apt-get -q update || die "apt-get update failed" "Check the network and the package sources"
    quietly env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends chromium ||
      die "apt-get install chromium failed" "Install Chromium by hand and run this again"
  elif [ "${CI:-}" = true ]; then
    die "there is no Chromium for the browser tests" "Install one, or name it in the variable CHROMIUM"
  else
    say "setup: no Chromium, so no browser tests. Debian: 'apt-get install chromium' as root; elsewhere: install Chromium or Chrome, or name one in the variable CHROMIUM."
  fi
}
