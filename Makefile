# `make` alone lists what can be done here. Nothing but Python 3.11+ and make has to be there first.
# Kept to what GNU Make 3.81 knows, the one that macOS ships.

# The interpreter: the first of these that is 3.11 or newer. PYTHON=/path/to/python chooses another.
PYTHON ?= python3.14 python3.13 python3.12 python3.11 python3 python

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Twice as many as there are cores: the tests that kill bots and wait for services leave a core idle half of the time.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) \* 2)
PYTEST := $(BIN)/pytest --numprocesses=$(WORKERS) --maxprocesses=8 --dist=worksteal
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version=3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

# Two stamps: everything in requirements/dev.lock is installed; and so is the bot itself, editable.
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
# There while an installation runs. Found at the start of the next one, it says that one was interrupted.
UNFINISHED := $(VENV)/.unfinished

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo run test check format format-check lint types imports coverage lock bench torture clean

help: ## list these targets
	@echo "nano-banana-bot. The first target that needs it sets up $(VENV), once."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "ARGS=... is handed on by test, lock, bench and torture; PYTHON=... chooses the interpreter of a new $(VENV)."

setup: $(READY) ## set up .venv with the locked dependencies (again when they change)
	@echo "$(VENV) is ready."

demo: $(READY) ## try the bot offline: a sandbox Discord in the browser, a sandbox Rivya
	@$(BIN)/nano-banana-bot demo

run: $(READY) ## run the bot for real, with the settings in .env
	@$(BIN)/nano-banana-bot run

test: $(READY) ## run the tests (ARGS="-k quota" to choose some)
	$(PYTEST) $(ARGS)

check: format-check lint types imports test ## everything a change must pass

format: $(READY) ## format the code and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

format-check: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY) ## ruff, and hadolint for the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/hadolint Dockerfile

types: $(READY) ## mypy, strict
	$(BIN)/mypy

imports: $(READY) ## who may import whom (import-linter)
	$(BIN)/lint-imports

coverage: $(READY) ## run the tests with branch coverage (at least 90 %); half as long again
	$(PYTEST) --cov --cov-report=term

lock: $(LOCKED) ## write requirements/*.lock anew from pyproject.toml (ARGS=--upgrade for newer versions)
	$(COMPILE) $(ARGS) --group=dev --output-file=requirements/dev.lock pyproject.toml
	$(COMPILE) --constraint=requirements/dev.lock --output-file=requirements/run.lock pyproject.toml
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(COMPILE) --constraint=requirements/dev.lock --output-file=requirements/build.lock -

bench: $(READY) ## measure the bot beside a baseline bot (ARGS=--quick, ARGS=--help)
	@$(BIN)/python -m benchmarks $(ARGS)

torture: $(READY) ## kill the bot and break its services at every moment, and look whether anything was lost
	@$(BIN)/python -m tests.crash.torture $(ARGS)

clean: ## remove .venv, caches and reports (never data/ or .env)
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* coverage.xml
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find bot cogs tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +

# A virtual environment does not survive a move or a copy of its folder, so .ready names the folder it was made in.
# Where that is not this one, or the stamp is missing, the environment is looked at again.
ifneq "$(shell cat $(READY) 2>/dev/null)" "$(CURDIR)"
.PHONY: $(LOCKED)
endif

# The locks name everything, so pip resolves nothing: left to it, pip 23 looks for the newest release of whatever is asked
# for with an extra, and refuses it as not pinned the day it appears. `pip check` says whether the lock was whole.
# An environment that works, belongs here and is not half-filled is kept and brought up to date; any other is made anew.
$(LOCKED): requirements/dev.lock
	@set -e; \
	modern='import sys; sys.exit(sys.version_info < (3, 11))'; \
	case "$$($(BIN)/pip --version 2>/dev/null)" in *" $(CURDIR)/$(VENV)/"*) ours=yes ;; *) ours=no ;; esac; \
	if [ $$ours = no ] || [ -e $(UNFINISHED) ] || ! $(BIN)/python -c "$$modern"; then \
		python=; without_pip=; \
		for candidate in $(PYTHON); do \
			$$candidate -c "$$modern" >/dev/null 2>&1 || continue; \
			if $$candidate -c 'import ensurepip, venv' >/dev/null 2>&1; then python=$$candidate; break; fi; \
			without_pip=$$candidate; \
		done; \
		if [ -z "$$python" ] && [ -n "$$without_pip" ]; then \
			echo "$$without_pip cannot make virtual environments: its ensurepip is missing." >&2; \
			echo "On Debian and Ubuntu: apt install python3-venv. Then run make again." >&2; \
			exit 1; \
		elif [ -z "$$python" ]; then \
			echo "Python 3.11 or newer is needed, and none of these is one: $(PYTHON)." >&2; \
			echo "Install it (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python)," >&2; \
			echo "or name one: make PYTHON=/path/to/python3.13 setup" >&2; \
			exit 1; \
		fi; \
		echo "Making $(VENV) with $$($$python --version) ..."; \
		$$python -m venv --clear $(VENV); \
	fi; \
	echo "Installing the locked dependencies; the first time this takes a minute or two ..."; \
	touch $(UNFINISHED); \
	$(PIP) install --quiet --no-compile --no-deps --require-hashes --requirement requirements/dev.lock; \
	$(PIP) check --quiet; \
	rm $(UNFINISHED); \
	touch $@

$(READY): pyproject.toml $(LOCKED)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@echo "$(CURDIR)" > $@
