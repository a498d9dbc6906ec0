# Every word that this project knows. `make` alone lists them.
SHELL := /bin/bash
VENV := .venv
# uv trusts what the machine trusts, as pip does (the old and the new name of that setting).
export UV_SYSTEM_CERTS := 1
export UV_NATIVE_TLS := 1
PY := $(VENV)/bin/python
# The first Python that really answers and is 3.11 or newer (a version manager's shims may exist and not run).
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
  if $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)

.PHONY: help install demo test test-kubernetes check lint format types contracts bench lock images clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## meshbot and meshrun into .venv/bin, from the locked dependencies

$(VENV)/.installed: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "installing: no Python 3.11 or newer on PATH; install one, or say make PYTHON=/path/to/python"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@$(VENV)/bin/uv pip sync --quiet --compile-bytecode --python $(PY) --require-hashes requirements.lock
	@$(VENV)/bin/uv pip install --quiet --python $(PY) --no-deps --editable .
	@touch $@

demo: install ## the main job, end to end, on embedded services; ends by itself
	@$(PY) demo/demo.py

test: install ## all tests, on real services from wheels
	@$(PY) -m pytest -n 2

test-kubernetes: install ## the tests that need images (podman) and a real cluster (tests/kubehouse.py says which)
	@MESHBOT_TEST_CLUSTER=1 $(PY) -m pytest -n 2 tests/contract tests/stories -k "kubernetes or pods or images"

check: lint types contracts test ## what CI runs

lint: install ## ruff: style and format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

format: install ## put the code into the one format
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format --quiet .

types: install ## mypy, strict
	@$(VENV)/bin/mypy

contracts: install ## who may import whom
	@$(VENV)/bin/lint-imports

bench: install ## the ratios that the README quotes
	@$(PY) -m pytest tests/bench -m bench -q -s -n 0

lock: ## pin every dependency again (needs uv)
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --extra run --extra embedded --group dev pyproject.toml -o requirements.lock --custom-compile-command "make lock"

images: install ## the two images, with podman; MESHBOT_BASE_IMAGE names their base
	@$(PY) tests/images.py

clean: ## forget what was installed and cached
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
