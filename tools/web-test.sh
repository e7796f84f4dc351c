#!/usr/bin/env bash
# Tests the console: its types, that web/dist is what its sources build, and in a
# browser on real servers, where ASSAY_SHORT is set without the tests marked @long.
# With arguments, which go to playwright, only the last:
# tools/web-test.sh shell.spec.ts
set -euo pipefail
cd "$(dirname "$0")/.."

tools/packages.sh tests
for program in node npm; do
  if ! command -v "$program" >/dev/null; then
    echo "web-test.sh: the console's tests need $program (Debian: apt-get install nodejs npm)" >&2
    exit 1
  fi
done

cd web
# The second file is the last that npm writes.
if [[ package-lock.json -nt node_modules/.package-lock.json ]]; then
  npm ci --no-audit --no-fund --loglevel=error
fi
if [[ $# -eq 0 ]]; then
  npm run --silent types
  built=$(mktemp -d)
  trap 'rm -rf "$built"' EXIT
  npx vite build --outDir "$built" --emptyOutDir --logLevel warn
  if ! diff -rq "$built" dist; then
    echo "web-test.sh: web/dist is not what web/src builds: run npm run build in web, and commit it" >&2
    exit 1
  fi
  set -- --project=console
fi
go run ../internal/stage -- node_modules/.bin/playwright test "$@"
