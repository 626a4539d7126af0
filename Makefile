# make run       a sandbox: embedded PostgreSQL, seeded, serving, printing what to try next
# make test      style, types, tests
# make failover  payouts while the primary PostgreSQL is lost and its standby promoted: five minutes
# make bench     the benchmarks; writes docs/benchmarks.md

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= .hashrail
PORT ?= 8080
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help setup run test failover check format bench reference lock clean

help:
	@sed -n '1,4s/^# //p' Makefile

# What Hashrail needs to run; the dev mark below adds what checks and tests need.
$(VENV)/.runs: requirements.lock pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hashrail needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what Hashrail needs (a minute the first time) ..."
	@$(PIP) install -qq --require-hashes -r requirements.lock
	@$(PIP) install -qq --no-deps --no-build-isolation --editable client --editable .
	@touch $@

$(VENV)/.tests: requirements-dev.lock $(VENV)/.runs
	@$(PIP) install -qq --require-hashes -r requirements-dev.lock
	@touch $@

# The TypeScript client that a test generates and compiles; node comes with the tests' packages.
$(VENV)/.typescript: tests/typescript/package-lock.json $(VENV)/.tests
	@if (cd tests/typescript && ../../$(BIN)/npm ci --silent); then touch $@; else \
	  echo "npm ci failed in tests/typescript: the TypeScript test will be skipped" >&2; test "$$CI" != true; fi

# The Bitcoin node that tests pay with: fetched into .venv, without a trace in the system.
$(VENV)/.bitcoind: tools/get_bitcoind.sh $(VENV)/.tests
	@if tools/get_bitcoind.sh $(VENV)/bitcoind; then touch $@; else \
	  echo "tests with a Bitcoin node will be skipped" >&2; test "$$CI" != true; fi

# What loses a primary: Patroni from its lock, and etcd, fetched like the node.
$(VENV)/.failover: requirements-failover.lock $(VENV)/.tests
	@$(PIP) install -qq --require-hashes -r requirements-failover.lock
	@touch $@

$(VENV)/.etcd: tools/get_etcd.sh $(VENV)/.tests
	@if tools/get_etcd.sh $(VENV)/etcd; then touch $@; else \
	  echo "tests with a lost primary will be skipped" >&2; test "$$CI" != true; fi

setup: $(VENV)/.tests

run: $(VENV)/.runs
	@$(BIN)/hashrail demo --data $(DATA) --port $(PORT)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check $(VENV)/.typescript $(VENV)/.bitcoind
	$(BIN)/python -m pytest -n 2 --dist worksteal

failover: $(VENV)/.failover $(VENV)/.etcd $(VENV)/.bitcoind
	$(BIN)/python -m pytest tests/failover

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup $(VENV)/.bitcoind
	$(BIN)/python -m benchmarks

# The examples first: the document and its page show them.
reference: setup
	$(BIN)/python -m tests.examples > /dev/null
	$(BIN)/hashrail reference --out docs/reference

lock: setup
	for name in requirements requirements-dev requirements-failover; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	    --no-emit-index-url --no-header $$name.in -o $$name.lock; \
	done

clean:
	rm -rf $(VENV) tests/typescript/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
