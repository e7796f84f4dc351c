#!/usr/bin/env bash
# Runs every fuzz target for a while each: tools/fuzz.sh 5s
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-5s}
go list -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r package dir; do
  { grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go 2>/dev/null || true; } | while read -r _ target; do
    echo "fuzz $package $target $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null
  done
done
