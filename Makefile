# `make help` lists the targets. PYTHON is what environments are made from, PORT is the demo's,
# PYTEST holds further words for pytest: make test PYTEST="-x tests/client/test_client.py"
# HUBS are the versions of JupyterHub for test-hubs, beside the one of constraints.txt: the last 5.5,
# and the one that many sites still install
PYTHON ?= python3
PORT ?= 8000
PYTEST ?=
HUBS ?= 5.5.4 5.2.1
# what starts a real hub, and what the hub's side does to its spawners and its API
HUB_TESTS ?= tests/hub $(addprefix tests/jupyterhub/test_,real_hub.py batchspawner.py profiles.py internal_ssl.py configure.py git_tokens.py)

BIN := .venv/bin
SYSTEM := /opt/jupyterhub-experiment-launcher
PROXY := node_modules/.bin
# three files at a time: most tests wait, but a hub waits 30 s at most for a service that starts
WORKERS := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: help run docs test test-slow test-fuzz test-model benchmark benchmark-burst benchmark-streams benchmark-workshop test-system test-browser screenshots test-notebooks test-hubs lint debian development clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

run: ## start a JupyterHub with the launcher here, and launch a first notebook
	@$(PYTHON) deploy/install.py demo
	@$(BIN)/python deploy/demo.py --port $(PORT)

test: development ## run the tests, without the long ones and those that need root
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/pytest $(WORKERS) -m "not system and not slow and not browser" $(PYTEST)

test-slow: development ## run the long tests: restarts, killed workers, crowds, an installed wheel
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/pytest $(WORKERS) -m "slow and not system and not browser" $(PYTEST)

test-system: debian ## run the tests that need root and Debian's packages
	@$(PYTHON) deploy/install.py system
	@PATH="$(SYSTEM)/.venv/bin:$(SYSTEM)/.node/$(PROXY):$$PATH:/usr/sbin:/sbin" $(SYSTEM)/.venv/bin/pytest -m system tests/system tests/deploy/test_deploy.py $(PYTEST)

test-browser: debian development ## run the tests of the pages in a real browser (10 min, root)
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m browser tests/browser $(PYTEST)

screenshots: debian development ## take the pictures of docs/pictures (2 min, root)
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" PICTURES=docs/pictures $(BIN)/pytest -m browser tests/browser/test_pictures.py $(PYTEST)

test-notebooks: ## execute the experiments' notebooks, with models and data on this machine
	@$(PYTHON) deploy/install.py notebooks
	@PATH="$(CURDIR)/.notebooks/.venv/bin:$$PATH" .notebooks/.venv/bin/pytest tests/notebooks $(PYTEST)

test-hubs: development ## run the real-hub tests on older JupyterHubs too (25 min, 800 MB)
	@$(PYTHON) deploy/install.py hubs $(HUBS)
	@failed=0; for hub in $(HUBS); do venv=$(CURDIR)/.hubs/$$hub/.venv; echo "JupyterHub $$hub:"; \
	PATH="$$venv/bin:$(CURDIR)/.node/$(PROXY):$$PATH" $$venv/bin/pytest -n 2 --dist loadfile $(HUB_TESTS) $(PYTEST) \
	|| failed=1; done; exit $$failed

docs: ## build the documentation into docs/_build/html
	@$(PYTHON) deploy/install.py docs
	@.docs/.venv/bin/python -m sphinx -W --keep-going -n -j auto -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

test-fuzz: development ## fuzz the API for longer (10 min); FUZZ_EXAMPLES=2000 takes an hour
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-500} $(BIN)/pytest --timeout 7200 tests/api/test_fuzz.py $(PYTEST)

test-model: development ## launch, repeat, cancel and kill at random (10 min); MODEL_EXAMPLES=1000 takes an hour
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" MODEL_EXAMPLES=$${MODEL_EXAMPLES:-100} $(BIN)/pytest --timeout 36000 tests/launches/test_model.py $(PYTEST)

benchmark: development ## measure launches against bare clients (20 min, a quiet machine)
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/python benchmarks/launch.py

benchmark-burst: development ## measure 300 launches within a second (8 min, a quiet machine)
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/python benchmarks/burst.py

benchmark-streams: development ## measure 1,000 open streams of events (2 min, a quiet machine)
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/python benchmarks/streams.py

benchmark-workshop: development ## measure thirty participants who save for ten minutes (15 min, a quiet machine)
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/.node/$(PROXY):$$PATH" $(BIN)/python benchmarks/workshop.py

lint: development ## run ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

debian: ## install Debian's packages for test-system (root)
	@$(PYTHON) deploy/install.py debian

development:
	@$(PYTHON) deploy/install.py development

clean: ## remove what the targets above made in this folder; the demo's homes too
	rm -rf .venv .node .notebooks .docs .hubs .run docs/_build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
