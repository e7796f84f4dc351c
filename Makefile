# Needs Go alone: what else tests use is installed or fetched where that is
# allowed, else they bring their own, but for Node, npm and Chromium.

FUZZTIME ?= 5s
TESTENV = go run ./internal/testenv --
TOOL = go tool -modfile=tools/go.mod

.PHONY: test web-test screenshots check build lint arch fuzz-smoke bench-smoke soak bench validate-stats vuln fmt

# Every test; with RACE=1 under the race detector, where it can show something.
test:
	tools/test.sh
	tools/web-test.sh

# The console's alone: types, build, and in a browser.
web-test:
	tools/web-test.sh

# Every page of the console in both themes, into docs/screenshots.
screenshots:
	tools/web-test.sh --project=screenshots

# All that a change must pass.
check: export RACE = 1
check: build lint test fuzz-smoke bench-smoke

build:
	go build ./...

lint:
	go vet ./...
	$(TOOL) staticcheck ./...
	@unformatted=$$($(TOOL) gofumpt -l .) && if [ -n "$$unformatted" ]; then \
		echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi

# Who may import whom, and other rules of the house.
arch:
	go test .

fuzz-smoke:
	tools/fuzz.sh $(FUZZTIME)

# Each benchmark once: that they run, not how fast.
bench-smoke:
	$(TESTENV) go test -vet=off -short -run '^$$' -bench . -benchtime 1x ./...

# The long forms of the tests with faults, one after the other: half an hour.
soak:
	ASSAY_SOAK=1 $(TESTENV) go test -p 1 ./internal/fault/... ./internal/edgefault/... ./internal/trackfault/... ./tracking/... -run Soak -timeout 60m -v

bench:
	go test -run '^$$' -bench . -timeout 60m ./bench ./evaluator ./targeting

# Error rates, coverage and power of the statistics by simulation: minutes.
validate-stats:
	go run ./stats/validate

# Known vulnerabilities that the code calls; needs the network.
vuln:
	$(TOOL) govulncheck ./...

fmt:
	$(TOOL) gofumpt -w .
