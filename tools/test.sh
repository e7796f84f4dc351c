#!/usr/bin/env bash
# Runs every test with one private PostgreSQL that all packages share. Arguments
# go to go test: tools/test.sh -run Daily ./...
set -euo pipefail
cd "$(dirname "$0")/.."

tools/packages.sh tests
[[ $# -gt 0 ]] || set -- ./...
go vet ./...
exec go run ./internal/testenv -- go test "$@"
