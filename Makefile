# `make help` says what there is. PYTHON is what environments are made from, PORT is the demo's,
# PYTEST holds further words for pytest: make test PYTEST="-x tests/test_client.py"
PYTHON ?= python3
PORT ?= 8000
PYTEST ?=

BIN := .venv/bin
SYSTEM := /opt/jupyterhub-experiment-launcher
PROXY := node_modules/.bin

.PHONY: help run test test-system test-notebooks lint debian development clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

run: ## start a JupyterHub with the launcher here, and launch a first notebook
	@$(PYTHON) deploy/install.py demo
	@$(BIN)/python deploy/demo.py --port $(PORT)

test: development ## run the tests that need no root and none of Debian's packages
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/pytest -m "not system" $(PYTEST)

test-system: debian ## run the tests that need root and Debian's packages
	@$(PYTHON) deploy/install.py system
	@PATH="$(SYSTEM)/.venv/bin:$(SYSTEM)/.node/$(PROXY):$$PATH:/usr/sbin:/sbin" $(SYSTEM)/.venv/bin/pytest -m system $(PYTEST)

test-notebooks: ## execute the experiments' notebooks, with models and data on this machine
	@$(PYTHON) deploy/install.py notebooks
	@PATH="$(CURDIR)/.notebooks/.venv/bin:$$PATH" .notebooks/.venv/bin/pytest tests/notebooks $(PYTEST)

lint: development ## run ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

debian: ## install Debian's packages for test-system (root)
	@$(PYTHON) deploy/install.py debian

development:
	@$(PYTHON) deploy/install.py development

clean: ## remove what the targets above made in this folder; the demo's homes too
	rm -rf .venv .node .notebooks .run build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
