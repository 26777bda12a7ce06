SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Leave out the embedded databases of Caddy's ACME server; the driver of our own PostgreSQL store is not among them. And leave out its registry of
# Go's types, 1.4 MB of the binary: statements of ours are described by the server, or their values are texts.
TAGS := nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes
# Empty outside a tagged clone: the binary then says the version of its source.
VERSION ?= $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null)
# Functions begin at multiples of 16 bytes as on most systems, not of Go's 32: 0.9 MB less.
LDFLAGS := -s -w -funcalign=16 $(if $(VERSION),-X github.com/fairway-gateway/fairway/caddy/identity.version=$(VERSION))
BIN ?= bin/fairway
# What images say of their source.
IMAGE_ARGS = $(if $(VERSION),--build-arg VERSION=$(VERSION:v%=%)) --build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# Further flags for go test: make test GOTESTFLAGS=-v
GOTESTFLAGS ?=
# How long each target of make fuzz runs.
FUZZTIME ?= 1m
# How long all targets of make fuzz-smoke run, together, in seconds.
FUZZ_SMOKE_SECONDS ?= 180
# What make generate looks at.
GENERATE ?= ./...
PLATFORMS := linux/arm64 darwin/arm64 windows/amd64
GO ?= go
export TAGS GO

tool = $(GO) tool -modfile=tools/$(1)/go.mod $(1)

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## Build bin/fairway
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o $(BIN) ./caddy

.PHONY: man
man: build ## Write manual pages and completions for shells into bin/man and bin/completions
	$(BIN) manpage --directory bin/man
	mkdir -p bin/completions
	for shell in bash zsh fish; do $(BIN) completion $$shell >bin/completions/fairway.$$shell; done

.PHONY: image
image: ## Build the image fairway, and fairway-python, whose runner runs scripts
	docker build -t fairway $(IMAGE_ARGS) .
	docker build -t fairway-python --build-arg BASE=python:3.13-slim-bookworm $(IMAGE_ARGS) .

.PHONY: xcaddy
xcaddy: ## Build bin/fairway with xcaddy from xcaddy.json, with this source
	$(GO) run -C tools/xcaddy . -recipe ../../xcaddy.json -replace github.com/fairway-gateway/fairway=$(CURDIR) -output $(CURDIR)/$(BIN)

.PHONY: setup
setup: ## Install what the tests need and is missing (as root, from Debian)
	.ci/setup

.PHONY: test
test: setup ## Run all tests with the race detector
	GOTESTFLAGS='$(GOTESTFLAGS)' .ci/test

.PHONY: test-plugin
test-plugin: ## Build the example plugin into a binary with xcaddy and test it
	.ci/test-plugin

.PHONY: test-e2e
test-e2e: setup ## Test before real OAuth2 proxies and identity providers, which are built first
	.ci/test-e2e

.PHONY: test-fresh
test-fresh: setup ## Follow README.md on a machine that has nothing but Go, as root, which makes one
	.ci/test-fresh

.PHONY: test-kill
test-kill: setup ## Kill gateways, Docker Engines and containers while executions run
	.ci/test-kill

.PHONY: test-kube
test-kube: setup ## Test the executor kubernetes and deploy/kubernetes before a real control plane, which is built first
	.ci/test-kube

.PHONY: test-kubelet
test-kubelet: setup build ## Test the executor kubernetes before a whole Kubernetes of one node, as root (not in CI)
	.ci/test-kubelet

.PHONY: test-image
test-image: setup ## Build the images and run them as docs/docker.md says, with a real Docker Engine
	.ci/test-image

.PHONY: package
package: build ## Make packages for Debian and for Fedora and its like in dist/
	.ci/package $(BIN) $(or $(VERSION:v%=%),0.1.0) dist

.PHONY: release
release: ## Make all that a release of VERSION has, in dist/
	.ci/release $(or $(VERSION:v%=%),0.1.0) dist

.PHONY: test-release
test-release: setup ## Make a release and look at it
	.ci/test-release

.PHONY: test-package
test-package: setup ## Make the packages and install them, as root
	.ci/test-package

.PHONY: lint
lint: ## Check formatting and run golangci-lint
	status=0; \
	files=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs -r $(call tool,gofumpt) -l); \
	if [ -n "$$files" ]; then echo "not formatted (make fmt):"; echo "$$files"; status=1; fi; \
	$(call tool,golangci-lint) run --max-issues-per-linter 0 --max-same-issues 0 ./... || status=1; \
	exit $$status

.PHONY: fmt
fmt: ## Format all Go files and sort their imports
	git ls-files --cached --others --exclude-standard '*.go' | xargs -r $(call tool,gofumpt) -w
	$(call tool,golangci-lint) fmt ./...

.PHONY: generate
generate: ## Make all generated files anew
	$(GO) generate $(GENERATE)

.PHONY: vet-sql
vet-sql: ## Check that the code of the SQL is current, and the SQL by the rules of queries/sqlc.yaml
	cd queries && CGO_ENABLED=0 $(GO) tool -modfile=../tools/sqlc/go.mod sqlc diff
	cd queries && CGO_ENABLED=0 $(GO) tool -modfile=../tools/sqlc/go.mod sqlc vet

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (1m) each
	.ci/fuzz each $(FUZZTIME)

.PHONY: fuzz-smoke
fuzz-smoke: ## Run all fuzz targets for three minutes, together
	.ci/fuzz all $(FUZZ_SMOKE_SECONDS)

.PHONY: bench
bench: build ## Run the side-by-side benchmarks; results go to docs/benchmarks.md
	$(GO) run -C bench .

.PHONY: cross
cross: ## Vet and build for the other systems
	for platform in $(PLATFORMS); do \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0; \
		echo "$$platform"; \
		$(GO) vet -trimpath -tags $(TAGS) ./...; \
		$(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o /dev/null ./caddy; \
	done

.PHONY: smoke
smoke: build ## Start the shipped Caddyfile as a user without privileges and ask it
	.ci/smoke $(BIN)

.PHONY: ci
ci: ## Everything that must pass before a change is merged
	bash .ci/run
