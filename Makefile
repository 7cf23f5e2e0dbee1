# Everything from a bare machine: python3 >= 3.11 with venv, cargo, a C compiler. `make` alone says what there is.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
CARGO ?= cargo
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# pyo3 is built for one interpreter everywhere, else cargo builds it anew for each.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

MADE := $(VENV)/made
SOURCES := Cargo.toml Cargo.lock pyproject.toml README.md LICENSE $(shell find rust python profiles \( -type f -o -type d \) \
	-not -path '*/target/*' -not -path 'rust/fuzz/*' -not -path '*/tests/*' -not -path '*/benches/*' \
	-not -name '*.py[co]' -not -name __pycache__ 2>/dev/null)

.PHONY: help demo test test-rust test-python parts bench check lint types layers rust-lint deny wheel lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(MADE)/wheel ## build, install into .venv, write a small library of good and bad files, verify it
	@$(BIN)/python -m tests.support.demo

test: test-rust test-python ## every test, Rust and Python; the Python ones run against the installed wheel

test-rust: $(MADE)/packages Cargo.lock
	$(CARGO) test --workspace --all-features --locked

test-python: $(MADE)/wheel $(MADE)/parts
	$(BIN)/python -m pytest $(PYTEST)

parts: ## install again the real servers of tests that are no Python packages: GNOME Keyring, nginx, docker-registry, tmux, aimock
	@rm -f $(MADE)/parts
	@$(MAKE) --no-print-directory $(MADE)/parts

bench: $(MADE)/wheel $(MADE)/peers ## the benches, beside their peers: see benches/README.md
	@if [ -x benches/run ]; then PATH="$(CURDIR)/$(BIN):$$PATH" benches/run $(BENCH); else echo "no benches here yet"; fi

check: lint layers types rust-lint deny ## ruff, mypy, stubtest, import-linter, rustfmt, clippy, cargo-deny

lint: $(MADE)/packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check

layers: $(MADE)/packages
	PYTHONPATH=python $(BIN)/lint-imports

types: $(MADE)/wheel
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest kandil._core --allowlist .ci/stubtest-allowlist

rust-lint: $(MADE)/packages Cargo.lock
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings

deny: Cargo.lock
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check; \
	else echo "NOT CHECKED: cargo-deny is not installed here (cargo install cargo-deny): licences, advisories"; fi

wheel: $(MADE)/wheel ## the release wheel, in dist/, installed into .venv

lock: $(MADE)/packages ## choose the newest versions again, with hashes (needs uv)
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate pyproject.toml requirements-dev.in -o requirements-dev.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate requirements-bench.in -o requirements-bench.txt
	for peer in benches/peers/batch_clients/*.in; do uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate $$peer -o $${peer%.in}.txt; done

clean: ## remove what was built, .venv too
	rm -rf $(VENV) dist target .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What was made, as files whose times make compares.

$(MADE)/packages: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("kandil needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.txt
	@mkdir -p $(MADE) && touch $@

$(MADE)/peers: requirements-bench.txt $(MADE)/packages
	$(PIP) install --require-hashes --only-binary :all: -r requirements-bench.txt
	@touch $@

$(MADE)/wheel: $(MADE)/packages $(SOURCES)
	rm -rf dist
	$(BIN)/maturin build --release --locked --quiet --out dist
	$(PIP) install --no-deps --no-index --force-reinstall dist/*.whl
	@touch $@

$(MADE)/parts: .ci/parts .ci/aimock
	@PYTHON=$(PYTHON) .ci/parts $(VENV)/node secret-service hub registry terminal aimock
	@mkdir -p $(MADE) && touch $@

Cargo.lock:
	$(CARGO) generate-lockfile
