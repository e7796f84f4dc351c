#!/usr/bin/env bash
# Runs every fuzz target for a while each: tools/fuzz.sh 5s
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-5s}
module=$(go list -m)
corpora=$(go env GOCACHE)/fuzz/$module # as go test -fuzz has them
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT

# Go before 1.27 may fail a target at the end of its time with no more to say than
# the context's error: go.dev/issue/75804. An input that fails is written, and
# named after the error.
ended_in_time() {
  [[ $(grep -A2 '^--- FAIL' "$programs/said") =~ ^'--- FAIL: '[^$'\n']*$'\n    context deadline exceeded\nFAIL'$ ]]
}

dirs=$(grep -rl --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' . | xargs dirname | sort -u)
# All at once, and instrumented for coverage in this module alone: go test -fuzz
# compiles the libraries anew too, which takes longer than all the rest.
go test -vet=off -c -o "$programs/" -gcflags="$module/...=-d=libfuzzer" $dirs
for dir in $dirs; do
  program=$programs/${dir##*/}.test
  for target in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$dir"/*_test.go); do
    echo "fuzz $dir $target $time"
    (cd "$dir" && "$program" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzcachedir "$corpora/${dir#./}") |
      tee "$programs/said" || ended_in_time
  done
done
