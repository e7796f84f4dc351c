#!/usr/bin/env bash
# Runs every test once, under the race detector but for those that it shows
# nothing about. Vetting is lint's.
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests that only drive other processes.
driving='/(trackfault|endtoend|independence|localpg|localredis|stage|testenv)$'
go test -vet=off -race $(go list ./... | grep -Ev "$driving")
go test -vet=off $(go list ./... | grep -E "$driving")

# Tests that count memory, which the detector uses too, are built without it
# alone: //go:build !race.
files=$(go list -race -f '{{range .IgnoredGoFiles}}{{$.Dir}}/{{.}} {{end}}' ./...)
files=$(grep -l '^func Test' $files)
tests=$(sed -nE 's/^func (Test[A-Za-z0-9_]*)\(.*/\1/p' $files | paste -sd '|')
go test -vet=off -run "^($tests)\$" $(dirname $files | sort -u)
