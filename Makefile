# make help  lists what there is
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run help check lint types test test-fast bench settings clean
.DEFAULT_GOAL := run

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## serve the page at http://127.0.0.1:7860 (installs what is missing)
	@$(BIN)/python -m core.builtin
	@exec $(BIN)/python app.py

check: lint types test-fast ## linters, type checker, import contracts and the fast tests

lint: $(VENV)/.installed-dev ## ruff, and the import contracts in pyproject.toml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.installed-dev ## mypy
	$(BIN)/mypy

test: $(VENV)/.installed-dev ## all tests, in processes and a browser too
	@$(BIN)/python -m core.builtin
	@$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m pytest

test-fast: $(VENV)/.installed-dev ## the unit tests
	$(BIN)/python -m pytest -m unit

bench: $(VENV)/.installed-dev ## speed and memory, as ratios to named baselines
	@$(BIN)/python -m core.builtin
	@$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m benchmarks

# Set up once for each requirements file; an interrupted set-up is made again.
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "SmolFactory needs Python 3.11 or newer: make run PYTHON=python3.11")'
	@echo "Setting up $(VENV) (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

settings: $(VENV)/.installed ## update docs/settings.md
	$(BIN)/python -m core settings > docs/settings.md

clean: ## delete the environment
	rm -rf $(VENV)
