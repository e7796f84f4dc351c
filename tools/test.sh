#!/usr/bin/env bash
# Runs every test with one private PostgreSQL that all packages share. Arguments
# go to go test: tools/test.sh -run Daily ./... With RACE=1 and no arguments the
# tests run under the race detector, where it can show something.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -n ${RACE:-} && $# -eq 0 ]]; then
  tools/packages.sh checks
  exec go run ./internal/testenv -- tools/race.sh
fi
tools/packages.sh tests
[[ $# -gt 0 ]] || set -- ./...
# Vetting is lint's.
exec go run ./internal/testenv -- go test -vet=off "$@"
