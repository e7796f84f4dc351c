#!/usr/bin/env bash
# Installs what is missing of the system packages that tests use, where that
# takes no password: packages.sh tests, or packages.sh checks for the race
# detector's C compiler too. Starts no system service. Where it cannot install,
# it says so and succeeds: tests then bring their own PostgreSQL and Redis. Only
# the console's tests cannot do without Node, npm and Chromium, and the one with
# the OFREP provider for browsers not without the first two.
set -euo pipefail

missing=()
want() { # want PACKAGE COMMAND...: any of the commands will do
  local package=$1 command
  shift
  for command; do
    command -v "$command" >/dev/null && return
    compgen -G "/usr/lib/postgresql/*/bin/$command" >/dev/null && return
  done
  missing+=("$package")
}

want postgresql initdb
want redis-server redis-server
want nodejs node
want npm npm
[[ -n ${CHROMIUM:-} ]] || want chromium chromium chromium-browser google-chrome
if [[ ${1:-tests} == checks ]]; then
  want gcc gcc
  [[ -e /usr/include/stdlib.h ]] || missing+=(libc6-dev)
fi
[[ ${#missing[@]} -gt 0 ]] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "packages.sh: not installed, and no apt-get: ${missing[*]}" >&2
  exit 0
fi
sudo=()
if [[ $(id -u) -ne 0 ]]; then
  if ! sudo -n true 2>/dev/null; then
    echo "packages.sh: not installed, and no right to: ${missing[*]}" >&2
    exit 0
  fi
  sudo=(sudo -n)
fi

# While this policy stands, no installation starts a service.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap '"${sudo[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
  "${sudo[@]}" chmod 755 "$policy"
fi
install() {
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
    install -y --no-install-recommends "${missing[@]}" >/dev/null
}
echo "packages.sh: installing ${missing[*]}" >&2
if ! { install 2>/dev/null || { "${sudo[@]}" apt-get -qq update && install; }; }; then
  echo "packages.sh: could not install ${missing[*]}" >&2
fi
