# SPDX-License-Identifier: Apache-2.0
#
# `make` lists the targets. `make test` runs all checks, also in a fresh clone:
# it needs Go, git and the Go module proxy, and a C compiler for the race
# detector.

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

ifeq ($(shell command -v go),)
$(error make: go was not found; install the version in go.mod from https://go.dev/dl)
endif

# Tools. Their versions are set only here. Each is built from source into bin/
# under a name with its version and Go's, so that a change of either rebuilds it.
GOLANGCI_LINT_VERSION := v2.15.0

GOVERSION := $(shell go env GOVERSION)
LINT      := bin/golangci-lint-$(GOLANGCI_LINT_VERSION)-$(GOVERSION)

# connectrpc's conformance suite. The number of cases follows from the version
# and tests/grpc/conformance.yaml; another number means that one of them has
# changed.
CONFORMANCE_VERSION := v1.0.7
CONFORMANCE_CASES   := 646
CONFORMANCE         := bin/connectconformance-$(CONFORMANCE_VERSION)-$(GOVERSION)

# Every module of the workspace. As a package pattern they are called `work`.
MODULES = $(shell go list -m -f '{{.Dir}}')

# Variables that can be set on the command line: `make fuzz FUZZTIME=1m`.
TESTFLAGS ?= -timeout 5m
RACE      ?= auto
FUZZTIME  ?= 5s
BENCH     ?= .
COUNT     ?= 1
SIMRUN    ?= ^TestSimulation
SIMFLAGS  ?=

# Known bugs that can be built in, each with the build tag planted_<name>; see
# internal/planted. Unless MUTANTS is empty, `make test` also checks that the
# simulation detects each of them.
PLANTED := loser_not_cancelled lease_not_returned pool_keyed_by_remote \
           late_reply_decoded backoff_ignores_deadline budget_debited_late \
           stream_leaked_on_cancel half_close_dropped empty_list_applied
MUTANTS ?= mutants

# The same for the tcp protocol, whose simulation is in another package.
PLANTED_WIRE := wrong_id credit_lost half_close_dropped

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: FUZZTIME = 3s
test: build vet lint api-check race allocs sim $(MUTANTS) fuzz conformance ## Run every check; this is what CI runs
	@echo "test: all checks passed"
	@$(race-note)

.PHONY: build
build: ## Compile all modules, and the root module outside the workspace
	go build work
	GOWORK=off go build ./...

.PHONY: vet
vet: ## Run go vet on all modules
	go vet work

.PHONY: lint
lint: $(LINT) ## Run golangci-lint on all modules
	@set -e; for dir in $(MODULES); do \
		echo "lint: $$dir"; \
		( cd "$$dir" && "$(CURDIR)/$(LINT)" run ./... ); \
	done

$(LINT):
	@echo "lint: building golangci-lint $(GOLANGCI_LINT_VERSION), this takes minutes once"
	@mkdir -p bin
	GOFLAGS= GOBIN="$(CURDIR)/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv bin/golangci-lint $@

# The race detector needs cgo, and so a C compiler, except on macOS.
race-works = { [ "$$(go env GOOS)" = darwin ] || { [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null; }; }
race-note  = $(race-works) || echo "race: the race detector needs a C compiler and found none, so NO TEST RUNS WITH IT; install gcc or clang and run again" >&2

.PHONY: race
race: ## Run all tests of all modules with the race detector (RACE=must: fail if it cannot run)
	@set -e; flag=-race; \
	if ! $(race-works); then \
		$(race-note); \
		[ "$(RACE)" != must ] || exit 1; \
		flag=; \
	fi; \
	set -x; go test $$flag $(TESTFLAGS) work

# The race detector itself allocates, so these tests are skipped with it.
.PHONY: allocs
allocs: ## Run the tests that count allocations and memory
	go test -count=1 -run 'Alloc|Memory' ./...

.PHONY: sim
sim: ## Run the simulation (SIMFLAGS are passed to go test)
	@if [ -d simtest ]; then set -x; go test -count=1 -run '$(SIMRUN)' $(SIMFLAGS) ./simtest; \
	else echo "sim: this tree has no simtest"; fi

.PHONY: soak
soak: ## Run a client for ten minutes while nodes are killed, and check that nothing grows
	go run ./tests/soak --duration 10m --out bench/results/soak.md

# A build that fails has detected nothing, so the test itself must have failed.
.PHONY: mutants
mutants: ## Build in each known bug, and check that the simulation fails
	@bad=0; for bug in $(PLANTED:%=simtest:%) $(PLANTED_WIRE:%=transport/tcp/internal/session:%); do \
		where=$${bug%%:*}; name=$${bug#*:}; \
		out=$$(go test -count=1 -tags "planted_$$name" -run '$(SIMRUN)' $(SIMFLAGS) "./$$where" 2>&1) && { echo "$$name: NOT caught"; bad=1; continue; }; \
		if ! grep -q -e '--- FAIL' <<< "$$out"; then echo "$$name: the test did not run:"; echo "$$out"; bad=1; continue; fi; \
		echo "$$name: caught:$$(grep -E '^ +[^ ]+\.go:[0-9]+: ' <<< "$$out" | head -n 1)"; \
	done; exit $$bad

.PHONY: conformance
conformance: $(CONFORMANCE) ## Run the gRPC cases of connectrpc's conformance suite against the client
	go build -o bin/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
	tests/grpc/generate.sh $(CONFORMANCE_VERSION) "$(CURDIR)/bin/protoc-gen-go"
	cd tests/grpc && go vet -tags conformance ./... && go build -tags conformance -o "$(CURDIR)/bin/conformanceclient" ./cmd/conformanceclient
	@bound=; ! command -v timeout >/dev/null || bound="timeout -k 5 180"; \
	cd tests/grpc && out=$$($$bound "$(CURDIR)/$(CONFORMANCE)" --mode client --conf conformance.yaml --known-failing @known-failing.txt \
		-- "$(CURDIR)/bin/conformanceclient" 2>&1) || { echo "$$out"; echo "conformance: failed" >&2; exit 1; }; \
	grep '^INFO: ' <<< "$$out"; tail -n 3 <<< "$$out"; \
	grep -qx 'Total cases: $(CONFORMANCE_CASES)' <<< "$$out" || { echo "conformance: want $(CONFORMANCE_CASES) cases" >&2; exit 1; }

$(CONFORMANCE):
	@echo "conformance: building the runner $(CONFORMANCE_VERSION), this takes a minute once"
	@mkdir -p bin
	GOFLAGS= GOBIN="$(CURDIR)/bin" go install connectrpc.com/conformance/cmd/connectconformance@$(CONFORMANCE_VERSION)
	@mv bin/connectconformance $@

# Go 1.26's fuzzer sometimes reports the end of its own time as a failure
# (go.dev/issue/75804, fixed in 1.27), without a failing input. Such a run is
# repeated once.
fuzz_one = go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$package" < /dev/null 2>&1
fuzz_ended = ^    context deadline exceeded$$
# A line for each test file: its package and its path.
test_files = {{$$p := .}}{{range .TestGoFiles}}{{$$p.ImportPath}} {{$$p.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$$p.ImportPath}} {{$$p.Dir}}/{{.}}{{"\n"}}{{end}}

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME
	@set -eo pipefail; \
	targets=$$(go list -f '$(test_files)' work | while read -r package file; do \
		sed -n "s|^func \(Fuzz[[:alnum:]_]*\)(.*|$$package \1|p" "$$file"; \
	done); \
	while read -r package target; do \
		[ -n "$$target" ] || continue; \
		echo "fuzz: $$package $$target"; \
		out=$$($(fuzz_one)) || { grep -q '$(fuzz_ended)' <<< "$$out" && out=$$($(fuzz_one)); } || { echo "$$out"; exit 1; }; \
	done <<< "$$targets"

.PHONY: bench
bench: ## Run the Go benchmarks (BENCH is a regexp, COUNT the number of runs)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) work

.PHONY: cover
cover: ## Measure test coverage and write cover.out
	go test -coverpkg=example.com/mailcall/... -coverprofile=cover.out $(TESTFLAGS) work
	@go tool cover -func=cover.out | tail -n 1
	@echo "cover: go tool cover -html=cover.out shows the covered lines"

.PHONY: tidy
tidy: ## Tidy go.mod and go.sum of all modules
	@set -e; for dir in $(MODULES); do ( cd "$$dir" && go mod tidy ); done

# The documentation of all importable packages as one text.
api-text = set -eo pipefail; for dir in $(MODULES); do \
		( cd "$$dir" && go list -f '{{if and .GoFiles (ne .Name "main")}}{{.ImportPath}}{{end}}' ./... ); \
	done | grep -Ev '/internal(/|$$)' | LC_ALL=C sort | while read -r package; do \
		echo "\# $$package"; echo; go doc -all "$$package"; echo; \
	done

.PHONY: api
api: ## Write docs/api.txt, the public API that api-check compares with
	@mkdir -p docs
	@{ $(api-text); } > docs/api.txt

.PHONY: api-check
api-check: ## Compare the public API with docs/api.txt, if that exists
	@if [ ! -f docs/api.txt ]; then echo "api-check: docs/api.txt does not exist; make api writes it"; exit 0; fi; \
	now=$$(mktemp); trap 'rm -f "$$now"' EXIT; \
	( $(api-text) ) > "$$now"; \
	git --no-pager diff --no-index --exit-code docs/api.txt "$$now" || { \
		echo "api-check: the public API has changed; if that is intended, run make api and commit docs/api.txt"; exit 1; }

.PHONY: demo
demo: ## Start a service and a client on this machine and watch them
	go run ./cmd/mailcall demo
