# Every target installs what it needs and is missing: uv, a Python, the locked environment (scripts/setup).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
# Passed on: make test ARGS="-k forget", make bench name=throughput ARGS="--json"
ARGS ?=
bench: name ?= throughput

.PHONY: help setup run demo test lint format bench services services-stop migration docs extension

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install uv, a Python and the locked environment where they are missing
	@scripts/setup

run: setup ## Start the Dagster UI, its daemon and the API, load the sample conversations, print a first answer
	@exec $(BIN)/python scripts/run.py

demo: setup ## The same without staying up: materialise the six assets, ask two questions, print the hits
	@DAGSTER_HOME="$$($(BIN)/python scripts/dagster_home.py)" exec $(BIN)/python -m aethergrid_pipelines.demo

test: setup ## Run every test; those on real servers too where `make services` runs (ARGS go to pytest)
	@eval "$$(scripts/services env)"; exec $(BIN)/pytest -n auto $(ARGS)

lint: setup ## Check style, types, scripts, the Dockerfile, compose.yaml and the workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy scripts/*.py .ci/*.py
	$(BIN)/shellcheck -x scripts/setup scripts/services scripts/packages.sh docker/postgres/*.sh .ci/run
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml

format: setup ## Put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure: make bench name=throughput (benchmarks/ has one file each; ARGS are passed on)
	@exec $(BIN)/python -m benchmarks.$(name) $(ARGS)

services: setup ## Start PostgreSQL, Redis, Weaviate and MongoDB natively, and print their addresses
	@scripts/services start

services-stop: ## Stop what `make services` started
	@scripts/services stop

migration: setup ## Write the catalog's next migration: make migration name="what it does"
	@$(BIN)/python scripts/new_migration.py "$(name)"

docs: setup ## Write the generated parts of the documentation again
	@$(BIN)/python scripts/settings_table.py --write

extension: setup ## Pack the browser extension into dist/; it works unpacked, too (docs/capture/extension.md)
	@$(BIN)/python scripts/pack_extension.py
