# `make` alone lists what there is. Everything runs in .venv, which `setup` makes when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Every process of a test or of the stack would compile our modules anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo storm up test canary servers browser chromium check bench docs tables translations screenshots format lock hashes audit sbom clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY) ## Make the virtual environment with everything in it

$(READY): pyproject.toml requirements/all.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/all.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Play a day of orders on the whole stack; KILL=1 kills every process of it once
	$(BIN)/python -m devstack demo $(if $(KILL),--kill)

storm: $(READY) ## Break everything while a thousand orders come; ORDERS=200 SEED=7 for another one
	$(BIN)/python -m devstack storm $(if $(ORDERS),--orders $(ORDERS)) $(if $(SEED),--seed $(SEED))

up: $(READY) ## Keep the demo's stack running and print its URLs (Ctrl-C ends it)
	$(BIN)/python -m devstack up

test: $(READY) servers ## Run all tests but those in a browser and the canary; a part with ARGS='tests/orders -k decision_table'
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --ignore tests/browser --ignore tests/system/test_canary.py $(ARGS)

canary: $(READY) ## Let marked buyers go through everything, and print where anything of them is left
	$(BIN)/python -m pytest tests/system/test_canary.py tests/system/test_canary_forms.py $(ARGS)

# What the embedded servers are built without: TLS and pgbouncer; and Prometheus, nginx and age,
# which try the rules, the example of a proxy and a backup. Where they cannot be installed, the tests
# that need them are skipped, and say so.
servers:
	@{ PATH="$$PATH:/usr/sbin"; command -v age && command -v pgbouncer && command -v redis-server && \
	    command -v promtool && command -v nginx && ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 || \
	  if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -qq --yes age pgbouncer redis-server postgresql && \
	    apt-get install -qq --yes --no-install-recommends prometheus nginx-light; \
	  else \
	    echo "without Debian's age, pgbouncer, redis-server, postgresql, prometheus and nginx-light, the tests that need them are skipped" >&2; \
	  fi

browser: $(READY) chromium node_modules ## Test the pages in chromium; as root, it is installed first
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(or $(ARGS),tests/browser)

# Debian's own package: what runs the tests is what the distribution keeps safe.
chromium:
	@command -v $${ORDERBRIDGE_CHROMIUM:-chromium} >/dev/null || \
	  { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq --yes chromium; } || \
	  { echo "chromium is needed: install it, or name its program in ORDERBRIDGE_CHROMIUM" >&2; exit 1; }

node_modules: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

check: $(READY) ## Lint, formatting, types, layers and declared packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry pipeline tasks sandbox
	$(BIN)/deptry devstack bench tests --ignore DEP002,DEP004

bench: $(READY) ## Measure as ratios within one run (minutes); one scenario with ARGS='engine --runs 3'
	$(BIN)/python -m bench $(ARGS)

docs: $(READY) ## Write the tables of docs/reliability.md anew, from every crash played (minutes)
	$(BIN)/python -m tests.system.matrix

translations: $(READY) ## Bring new messages of the pages into the catalogues, and print what is not translated
	$(BIN)/python -m tests.translations

tables: $(READY) ## Write the tables of the docs that are made from the code's own rows anew
	$(BIN)/python -m tests.docs.tables

screenshots: $(READY) chromium ## Take the pictures of the README from the demo's orders
	$(BIN)/python -m tests.browser.screenshots

format: $(READY) ## Format the code and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Take the newest versions pyproject.toml allows and write constraints.txt anew
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check '.[local,dev]'
	(echo '# Every version the project is tested with; `make lock` writes this file anew.'; \
	 $(VENV)-lock/bin/python -m pip freeze | grep -v '^orderbridge') > constraints.txt
	rm -rf $(VENV)-lock
	$(MAKE) hashes

# pip takes hashes for every package or for none, and none for the project itself: so all that is not
# ours is installed first, out of these files. They are for every system and Python that we run on.
HASHES := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c constraints.txt
hashes: ## Write requirements/ anew: the versions of constraints.txt with the hashes of their files
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	echo setuptools | $(VENV)-lock/bin/$(HASHES) - --output-file requirements/build.txt >/dev/null
	$(VENV)-lock/bin/$(HASHES) pyproject.toml --output-file requirements/base.txt >/dev/null
	$(VENV)-lock/bin/$(HASHES) pyproject.toml --extra tracing --output-file requirements/tracing.txt >/dev/null
	$(VENV)-lock/bin/$(HASHES) pyproject.toml --extra local --extra dev --output-file requirements/all.txt >/dev/null
	rm -rf $(VENV)-lock

# PyPI is asked about each version. What is not answered is no good news, and fails too.
audit: $(READY) ## Look whether a weakness is known of a version in constraints.txt
	@if found=$$($(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict \
	    --progress-spinner off 2>$(VENV)/audit.log); then \
	  echo "no weakness is known of the versions in constraints.txt"; \
	elif test -n "$$found"; then \
	  echo "$$found"; exit 1; \
	else \
	  tail -n 1 $(VENV)/audit.log >&2; \
	  echo "the database of weaknesses did not answer for every package: NOTHING WAS CHECKED" >&2; exit 1; \
	fi

sbom: $(READY) ## Write orderbridge.cdx.json: what an installation consists of (CycloneDX)
	rm -rf $(VENV)-sbom
	$(PYTHON) -m venv --without-pip $(VENV)-sbom
	$(BIN)/python -m pip --python $(VENV)-sbom/bin/python install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	$(BIN)/python -m pip --python $(VENV)-sbom/bin/python install --quiet --disable-pip-version-check --no-deps .
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	    --output-file orderbridge.cdx.json $(VENV)-sbom/bin/python
	rm -rf $(VENV)-sbom

clean: ## Remove the virtual environment and the local stack's data
	rm -rf $(VENV) orderbridge.cdx.json node_modules .orderbridge .mypy_cache .pytest_cache .ruff_cache
