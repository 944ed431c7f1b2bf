# make run        sets up what is missing and serves the page
# make test       sets up what is missing and runs every test
# make test-fast  runs the tests that start nothing, in half a minute
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-fast lint types check bench clean

run: $(VENV)/.installed
	@$(BIN)/python -m core.builtin
	@exec $(BIN)/python app.py

test: $(VENV)/.installed-dev
	@$(BIN)/python -m core.builtin
	@$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m pytest

test-fast: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
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

clean:
	rm -rf $(VENV)
