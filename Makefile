# Everything a person or the build server does here. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ONCE ?= 0
CARGO ?= cargo

.PHONY: help demo test bench lint deps fmt clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: deps ## Two simulated systems, a private Redis, producer and workers; ONCE=1 ends by itself
	@$(CARGO) build --release --quiet -p mlc-producer -p mlc-worker -p mlc-simulators -p mlc-demo
	@target/release/mlc-demo $(if $(filter 1,$(ONCE)),--once,)

test: deps ## Every test, on private Redis instances
	@$(CARGO) build --workspace --bins
	@$(CARGO) test --workspace

bench: deps ## Queue, sync and budget figures, as a table with ratios
	@$(CARGO) build --release --quiet -p mlc-producer -p mlc-worker -p mlc-simulators -p mlc-bench
	@target/release/mlc-bench

lint: deps ## Format, clippy, dependency policy, Prometheus rules
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check bans licenses sources; \
	 else echo "cargo-deny is not installed: dependency policy (deny.toml) not checked here"; fi
	@if command -v promtool >/dev/null; then promtool check rules deploy/prometheus/alerts.yml; \
	 else echo "promtool is not installed: alert rules not checked here"; fi

deps: ## Install what the targets need (Debian packages)
	@deploy/install-dependencies

fmt: ## Format the code
	@$(CARGO) fmt --all

clean: ## Remove what was built
	@$(CARGO) clean
