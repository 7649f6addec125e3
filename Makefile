# Everything a person types here; `make` alone lists it. Nothing needs to be installed beforehand but make and Python.

VENV ?= .venv
BIN := $(VENV)/bin
# The first of these that runs; `make PYTHON=…` names another one (3.11 to 3.13).
PYTHON ?= $(shell tools/find_python)
PYTHONS := 3.11 3.12 3.13

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test test-all lint format check-types check-imports unit bench bench-balancer soak openapi lock \
    clean programs

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up: a stamp for each set of requirements, so that the second time costs nothing

$(VENV)/.made:
	@tools/make_venv "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/.main: requirements/build.txt requirements/main.txt pyproject.toml | $(VENV)/.made
	@echo "Installing what the server needs …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements/build.txt -r requirements/main.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.main
	@echo "Installing what tests and lint need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

setup: $(VENV)/.main ## make the virtual environment with the server in it
	@echo "Ready: $(BIN)/csms --help"

programs:
	@PYTHON="$(PYTHON)" tools/debian_packages

# --- use

demo: $(VENV)/.main ## start a server that any charger on the network may connect to, with fresh data
	@tools/demo $(BIN)/csms

# --- checks

test: programs $(VENV)/.test lint unit ## lint, types, import directions, all tests with coverage (at most 15 minutes)

# The same examples at every run: a red run is about the change; the search for the unknown is soak's.
unit: $(VENV)/.test
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 \
	    --dist=worksteal --cov --cov-report=term
	@echo "Branch coverage of the domain, of the protocol core and of the balancer must be 100 %:"
	@$(BIN)/coverage report --include='csms/domain/*' --fail-under=100
	@$(BIN)/coverage report --include='csms/ocpp/rpc/*' --fail-under=100
	@$(BIN)/coverage report --include='balancer/*' --fail-under=100

test-all: $(VENV)/.test ## the tests on each Python from 3.11 to 3.13 that is installed
	@tools/test_all $(PYTHONS)

lint: $(VENV)/.test ## style, errors, types, import directions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.test ## put the code into shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

soak: $(VENV)/.test ## the long forms of the tests that have one
	@HEADROOM_SOAK=1 HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -m soak --timeout=7200

bench: bench-balancer ## all measurements

bench-balancer: $(VENV)/.main ## CPU time of the allocation at 54 to 10,000 EVSEs, into docs/benchmarks (some minutes)
	@$(BIN)/python -m benchmarks.balancer

# --- keeping house

openapi: $(VENV)/.main ## write docs/openapi.json, the API's description, from the code
	@$(BIN)/python tools/openapi_document.py

lock: $(VENV)/.test ## pin the requirements of pyproject.toml anew (UPGRADE=1: the newest that fit)
	@tools/lock $(BIN)/python $(if $(UPGRADE),--upgrade)

clean: ## remove all that was made here but data
	rm -rf .venv .venv-* build dist htmlcov .coverage .coverage.* .pytest_cache .hypothesis .ruff_cache \
	    .import_linter_cache .grimp_cache *.egg-info
	find balancer benchmarks csms simulators tests tools -name __pycache__ -prune -exec rm -rf {} +
