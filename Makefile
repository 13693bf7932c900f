# Everything a person does with this project, a word each. `make` alone prints this list.

PYTHON ?= python3
SCALE ?= quick
LAUNCHER ?= local
SHIPPED ?= reduced,paper
VENV := .venv
BIN := $(VENV)/bin
REPRO := $(BIN)/repro
PIP := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check
TESTS ?= tests
ROUNDS ?= 5

.DEFAULT_GOAL := help
.PHONY: help install install-dev reproduce-all figures report status test fault-test lint bench bench-runner clean

help:  ## print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## make .venv and install the project and what it needs, all pinned

install-dev: $(VENV)/.installed-dev  ## the same, with what tests, lint and types need

reproduce-all: install  ## run all that is not done yet, draw it and write the report (SCALE=quick LAUNCHER=local)
	@$(BIN)/python scripts/reproduce_all.py scale=$(SCALE) launcher=$(LAUNCHER)

figures: install  ## draw all figures and tables from the results that are shipped (SHIPPED=reduced,paper)
	$(REPRO) figures experiment=all scale=$(SHIPPED)

report: install  ## judge every claim on the stored results and write results/report.html and the README's table
	$(REPRO) report --readme

status: install  ## say what is done, missing, failed and diverged (SCALE=quick)
	$(REPRO) status scale=$(SCALE)

test: install-dev  ## run the tests
	$(BIN)/python -m pytest -n auto $(TESTS)

fault-test: install-dev  ## break the runner on purpose and compare what it stored (ROUNDS=5)
	$(BIN)/python scripts/fault_campaign.py --rounds $(ROUNDS) --seed 1

lint: install-dev  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install-dev  ## measure the training engine against a plain loop, as ratios
	$(BIN)/python scripts/benchmark.py

bench-runner: install-dev  ## measure the store's lock, the dispatch of jobs, plan and status
	$(BIN)/python scripts/benchmark_runner.py

clean:  ## remove the environment and caches; results stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e ".[test,dev]"
	@touch $@ $(VENV)/.installed
