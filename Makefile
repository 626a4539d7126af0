# make run       a sandbox: embedded PostgreSQL, seeded, serving, printing what to try next
# make quick     style, unit and integration tests: what answers within a minute
# make test      style, types, all tests
# make failover  payouts and reads while the primary PostgreSQL is lost and its standby promoted: six minutes
# make fuzz      random input for ten minutes, other than the tests'; MINUTES=60 for longer
# make bench     the benchmarks; writes docs/benchmarks.md
# make endurance 15 minutes of mixed work while everything happens, a failover too; writes docs/endurance.md
# make pages     the scripts and styles of the pages, anew
# make pictures  every page in light, dark and on a phone, in build/pictures; those of the README in docs/pictures
# make wheel     the two distributions, in dist/
# make tarball   the TypeScript SDK as an npm package, in dist/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= $(or $(HASHRAIL_DATA),.hashrail)
PORT ?= 8080
MINUTES ?= 10
DIST ?= dist
PAGES := src/hashrail/pages
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
QUICK := client/tests tests/unit tests/integration $(addprefix tests/house/test_,style.py rooms.py tiers.py)
# Tests start programs by the hundred: each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run quick ready test failover check format fuzz bench endurance pages pictures reference routing wheel tarball lock clean

help:
	@sed -n '1,11s/^# //p' Makefile

# What Hashrail needs to run; the dev mark below adds what checks and tests need. Python compiles what it imports as it
# does so: to compile all that is installed takes longer than to fetch it.
$(VENV)/.runs: requirements.lock pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hashrail needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what Hashrail needs (a minute the first time) ..."
	@$(PIP) install -qq --no-compile --require-hashes -r requirements.lock
	@$(PIP) install -qq --no-deps --no-build-isolation --editable client --editable .
	@touch $@

# What the pages load, bundled; node comes as a Python package. Without it the API is served alone.
$(VENV)/.pages: $(shell find $(PAGES)/scripts $(PAGES)/styles client-ts/src -type f) $(PAGES)/package-lock.json \
  $(PAGES)/build.mjs $(VENV)/.runs
	@if (cd $(PAGES) && PATH="$(abspath $(BIN)):$$PATH" && npm ci --silent && node build.mjs); then touch $@; else \
	  echo "the pages were not built, so only the API is served: npm ci failed in $(PAGES)" >&2; test "$$CI" != true; fi

$(VENV)/.tests: requirements-dev.lock $(VENV)/.runs
	@$(PIP) install -qq --no-compile --require-hashes -r requirements-dev.lock
	@touch $@

# Linters of the OpenAPI document, and generators of TypeScript clients; node comes with the tests' packages.
$(VENV)/.typescript: tests/end_to_end/typescript/package-lock.json $(VENV)/.tests
	@if (cd tests/end_to_end/typescript && ../../../$(BIN)/npm ci --silent); then touch $@; else \
	  echo "npm ci failed in tests/end_to_end/typescript: the TypeScript test will be skipped" >&2; test "$$CI" != true; fi

# A generator of Python clients that a test runs, in an environment of its own: it wants another typer than Hashrail.
$(VENV)/.generators: requirements-generators.lock
	@if $(PYTHON) -m venv $(VENV)/generators && \
	  $(VENV)/generators/bin/python -m pip install -qq --no-compile --disable-pip-version-check --no-input \
	    --require-hashes -r $<; \
	then touch $@; else \
	  echo "the generator of Python clients is not installed: its test will be skipped" >&2; test "$$CI" != true; fi

# The Bitcoin node that tests pay with: fetched into .venv, without a trace in the system.
$(VENV)/.bitcoind: tools/get_bitcoind.sh tools/debian_program.sh
	@if tools/get_bitcoind.sh $(VENV)/bitcoind; then touch $@; else \
	  echo "tests with a Bitcoin node will be skipped" >&2; test "$$CI" != true; fi

# The pooler that tests connect through.
$(VENV)/.pgbouncer: tools/get_pgbouncer.sh tools/debian_program.sh
	@if tools/get_pgbouncer.sh $(VENV)/pgbouncer; then touch $@; else \
	  echo "tests with a pooler will be skipped" >&2; test "$$CI" != true; fi

# What archives PostgreSQL continuously, and restores to a moment.
$(VENV)/.pgbackrest: tools/get_pgbackrest.sh tools/debian_program.sh
	@if tools/get_pgbackrest.sh $(VENV)/pgbackrest; then touch $@; else \
	  echo "tests of continuous archiving will be skipped" >&2; test "$$CI" != true; fi

# A program for accountants that reads the exported journal.
$(VENV)/.hledger: tools/get_hledger.sh tools/debian_program.sh
	@if tools/get_hledger.sh $(VENV)/hledger; then touch $@; else \
	  echo "tests with hledger will be skipped" >&2; test "$$CI" != true; fi

# What checks the alert rules of deploy/.
$(VENV)/.promtool: tools/get_promtool.sh tools/debian_program.sh
	@if tools/get_promtool.sh $(VENV)/promtool; then touch $@; else \
	  echo "tests of the alert rules will be skipped" >&2; test "$$CI" != true; fi

# The proxies that tests call through.
$(VENV)/.nginx: tools/get_nginx.sh tools/debian_program.sh
	@if tools/get_nginx.sh $(VENV)/nginx; then touch $@; else \
	  echo "tests behind nginx will be skipped" >&2; test "$$CI" != true; fi

$(VENV)/.caddy: tools/get_caddy.sh tools/debian_program.sh
	@if tools/get_caddy.sh $(VENV)/caddy; then touch $@; else \
	  echo "tests behind Caddy will be skipped" >&2; test "$$CI" != true; fi

# The browser that looks at the pages.
$(VENV)/.chromium: tools/get_chromium.sh tools/debian_program.sh
	@if tools/get_chromium.sh $(VENV)/chromium; then touch $@; else \
	  echo "tests with a browser will be skipped" >&2; test "$$CI" != true; fi

# What loses a primary: Patroni from its lock, and etcd, fetched like the node.
$(VENV)/.failover: requirements-failover.lock $(VENV)/.tests
	@$(PIP) install -qq --no-compile --require-hashes -r requirements-failover.lock
	@touch $@

$(VENV)/.etcd: tools/get_etcd.sh
	@if tools/get_etcd.sh $(VENV)/etcd; then touch $@; else \
	  echo "tests with a lost primary will be skipped" >&2; test "$$CI" != true; fi

setup: $(VENV)/.tests

run: $(VENV)/.pages
	@$(BIN)/hashrail demo --data $(DATA) --port $(PORT)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Commands start with much; what they call is tested in the other folders. Servers of PostgreSQL's failures take long, and
# what is marked slow does. Two plugins that nobody needs here stay out.
quick: setup
	@began=$$(date +%s); \
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && \
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not slow' -p no:faker -p no:schemathesis \
	  --ignore tests/integration/cli --ignore tests/integration/postgres $(QUICK) && \
	echo "It took $$(($$(date +%s) - began)) seconds."

# What tests call is fetched while libraries are installed and types checked: that waits for the network, or has one core.
test:
	@$(MAKE) --no-print-directory --jobs 3 ready
	$(BIN)/python -m pytest -n 2 --dist worksteal

ready: check $(VENV)/.typescript $(VENV)/.generators $(VENV)/.chromium $(VENV)/.promtool $(VENV)/.bitcoind $(VENV)/.pgbouncer \
  $(VENV)/.pgbackrest $(VENV)/.hledger $(VENV)/.nginx $(VENV)/.caddy $(VENV)/.pages

failover: $(VENV)/.failover $(VENV)/.etcd $(VENV)/.bitcoind
	$(BIN)/python -m pytest tests/failover

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: setup
	$(BIN)/python -m tools.fuzz --minutes $(MINUTES)

bench: setup $(VENV)/.bitcoind
	$(BIN)/python -m benchmarks

endurance: setup $(VENV)/.caddy $(VENV)/.failover $(VENV)/.etcd
	$(BIN)/python -m benchmarks.endurance

pages: $(VENV)/.runs
	rm -f $(VENV)/.pages
	$(MAKE) $(VENV)/.pages

pictures: $(VENV)/.pages $(VENV)/.chromium
	$(BIN)/python -m tools.pictures

# The examples first: the document and its page show them.
reference: setup
	$(BIN)/python -m tools.examples > /dev/null
	$(BIN)/python -m tools.reference --out docs/reference
	$(BIN)/python -m tools.python_sdk
	$(BIN)/python -m tools.sdk_typescript

routing: setup
	$(BIN)/python -m tools.routing --out docs/routing.md

# Of what is installed already: nothing is fetched, and the same source makes the same wheels.
wheel: $(VENV)/.pages
	rm -rf dist
	$(PIP) wheel -q --no-index --no-deps --no-build-isolation --wheel-dir dist ./client .

# Compiled by the tests' compiler. The package needs no other one, so nothing is fetched for it.
tarball: $(VENV)/.typescript
	rm -rf client-ts/dist
	$(BIN)/node tests/end_to_end/typescript/node_modules/typescript/bin/tsc --project client-ts/tsconfig.build.json
	mkdir -p $(DIST)
	$(BIN)/npm pack --silent --pack-destination $(DIST) ./client-ts

lock: setup
	for name in requirements requirements-dev requirements-failover requirements-generators; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	    --no-emit-index-url --no-header $$name.in -o $$name.lock; \
	done

clean:
	rm -rf $(VENV) $(PAGES)/built $(PAGES)/node_modules tests/end_to_end/typescript/node_modules client-ts/dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
