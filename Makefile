# Everything that is done with Beforehand by hand. Each target sets itself up; a second call is instant.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The first Python that really runs and is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
READY_DEV := .venv/.ready-dev
READY_BENCH := .venv/.ready-bench
SOURCE ?= simulator
DAY ?=
OPTIONS = --source $(SOURCE) $(if $(DATA),--data $(DATA)) $(if $(DAY),--day $(DAY))
# One worker a core, a folder's tests together (tests/conftest.py); WORKERS= runs them one after the other.
WORKERS ?= -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

.PHONY: help demo day backtest test check bench lock clean

help: ## what there is
	@echo "Beforehand: predicts who is about to have a problem, and tells them first."
	@echo
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20
	@echo
	@echo "Start with: make demo"

demo: $(READY) ## the whole product, through Airflow [SOURCE=simulator|olist|freshretailnet|csv] [DATA=dir] [DAY=...] [ONCE=1]
	@$(BIN)/python -m jobs.run demo $(OPTIONS) $(if $(ONCE),--once)

day: $(READY) ## one day without Airflow: make day DAY=2026-03-01 [SOURCE=...] [DATA=dir]
	@$(BIN)/python -m jobs.run day $(OPTIONS)

backtest: $(READY) ## learn from the past, predict what came next: TARGET=... TRAIN_BEFORE=... TEST_BEFORE=... OUT=dir
	@$(BIN)/python -m jobs.run backtest $(OPTIONS) --target $(TARGET) \
		--train-before $(TRAIN_BEFORE) --test-before $(TEST_BEFORE) --out $(OUT)

test: $(READY_DEV) ## every test, with one run through the real Airflow scheduler
	@PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m pytest -p no:cacheprovider $(WORKERS) $(ARGS)

check: $(READY_DEV) ## style, types, import layers, DAG policy
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --no-cache --check --quiet .
	@$(BIN)/mypy --cache-dir=/dev/null
	@$(BIN)/lint-imports --no-cache
	@PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m pytest -p no:cacheprovider tests/dags/test_policy.py
	@$(BIN)/python -m notices.lint.wording

bench: $(READY_BENCH) ## figures beside peers, in one run [SECTION=models|stock|...]
	@$(BIN)/python -m bench $(SECTION)

lock: $(READY) ## resolve the dependencies anew, with hashes
	@for name in requirements requirements-dev requirements-bench; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--custom-compile-command "make lock" $$name.in -o $$name.txt; done

clean: ## forget all state and everything built (asks nothing: var/ is gone)
	@rm -rf var .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis bench/out
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/uv: requirements-uv.txt
	@$(if $(PYTHON),,echo "Beforehand needs Python 3.11, 3.12 or 3.13 with venv, and found none. Set PYTHON=/path/to/python3." >&2; exit 1)
	@echo "Setting up .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

$(READY): requirements.txt .venv/bin/uv
	@echo "Installing what Beforehand runs on (about 2 GB, once) ..."
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --require-hashes --compile-bytecode --no-progress --quiet -r requirements.txt
	@touch $@

$(READY_DEV): requirements-dev.txt $(READY)
	@echo "Installing what checks and tests need ..."
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --require-hashes --compile-bytecode --no-progress --quiet -r requirements-dev.txt
	@touch $@

$(READY_BENCH): requirements-bench.txt $(READY_DEV)
	@echo "Installing the peers to measure against ..."
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --require-hashes --compile-bytecode --no-progress --quiet -r requirements-bench.txt
	@touch $@
