# Every target first creates .venv with the locked packages; nothing is installed globally.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := fleet training model_wrapper graph monitoring storecast tests benchmarks
# A test process that dies ends the run: one that is replaced leaves --dist loadfile waiting for ever.
PYTEST := $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## install the locked packages into .venv

demo: $(READY) ## run every step on synthetic data: train, register, serve, forecast, plot
	@$(BIN)/storecast demo

serve: $(READY) ## the same, but keep the graph running until Ctrl-C
	@$(BIN)/storecast demo --keep

# The files of the longest folder come first, so that both processes end at about the same time.
test: unit ## run every test: unit tests, then end-to-end, numeric and contract tests
	$(PYTEST) --durations 10 tests/e2e tests/numeric tests/contract

unit: $(READY) ## run the unit tests only
	$(PYTEST) tests/unit

# Hundreds of processes start in the tests: each would compile our code anew where no bytecode is kept.
test unit: export PYTHONDONTWRITEBYTECODE :=

check: $(READY) ## check lint, format, types, imports and SeldonDeployment files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/storecast graph validate manifests/graphs/*.yaml

bench: $(READY) ## measure the figures of the README against peers
	$(BIN)/python benchmarks/predict.py
	$(BIN)/python benchmarks/fit.py --stan-stores 40
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/scale.py --series 10000
	$(BIN)/python benchmarks/serve.py

render: $(READY) ## write the SeldonDeployment files in manifests/graphs
	$(BIN)/storecast graph render --out manifests/graphs/storecast.yaml
	$(BIN)/storecast graph render --shards 3 --out manifests/graphs/storecast-sharded.yaml
	$(BIN)/storecast graph render --challenger-share 10 --out manifests/graphs/storecast-challenger.yaml

lock: $(READY) ## resolve the locked packages again
	$(UV_COMPILE) $(UPGRADE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(UV_COMPILE) $(UPGRADE) requirements/dev.in -o requirements/dev.txt
	$(UV_COMPILE) -c requirements/dev.txt requirements/training.in -o requirements/training.txt
	$(UV_COMPILE) -c requirements/dev.txt requirements/serving.in -o base_requirements.txt

audit: $(READY) ## search the locked packages for known vulnerabilities (needs a network)
	@# strict: a package that the service does not know is a failure
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement requirements/dev.txt

clean: ## remove .venv, the local registry and caches
	rm -rf $(VENV) .storecast .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wanted Python 3.11 or newer, got %d.%d: make PYTHON=python3.11" % sys.version_info[:2])'
	@echo "setting up $(VENV): the locked packages, about a minute the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(VENV) --no-deps --require-hashes --compile-bytecode -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help setup demo serve test unit check bench render lock audit clean
