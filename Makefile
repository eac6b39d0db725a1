# Needs Python 3.11 or later, and make. Everything else goes into .venv, from constraints.txt.

PYTHON ?= python3
PYTEST_ARGS ?= --numprocesses auto --maxprocesses 4 --dist loadfile

BIN := .venv/bin
INSTALLED := .venv/.installed

# Nothing of the caller's Stripe and Prefect settings reaches a test or a benchmark, and no server of theirs calls home; the
# demo looks after itself.
SETTINGS := $(filter STRIPE_% PREFECT_% PYTHONPATH,$(.VARIABLES))
WITHOUT_SETTINGS := env $(SETTINGS:%=-u %) PREFECT_SERVER_ANALYTICS_ENABLED=false
WITH_KEY_ALONE := env $(patsubst %,-u %,$(filter-out STRIPE_API_KEY,$(SETTINGS)))

.PHONY: help
help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: install
install: $(INSTALLED) ## Make .venv with everything in it

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, and $(PYTHON) is " + sys.version.split()[0] + ": set PYTHON, as in: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --group dev --group docs --editable .
	@touch $@

.PHONY: demo
demo: $(INSTALLED) ## Orders become invoices, offline, on a Prefect server of its own (DEMO_ARGS=--keep leaves it up)
	@$(BIN)/python examples/demo.py $(DEMO_ARGS)

.PHONY: serve
serve: $(INSTALLED) ## A Prefect server with the flows on it, to be used in a browser, until Ctrl-C (offline without STRIPE_API_KEY)
	@$(BIN)/python examples/serve.py $(SERVE_ARGS)

.PHONY: test
test: $(INSTALLED) ## Run the tests
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITHOUT_SETTINGS) PREFECT_HOME="$$home" $(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: test-browser
test-browser: $(INSTALLED) ## Fill in forms and read pages of a Prefect server in Chromium (SCREENSHOTS=docs/images keeps pictures)
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium; } || \
	{ echo "It needs Chromium: install it, on Debian with: apt-get install chromium"; exit 1; }
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITHOUT_SETTINGS) PREFECT_HOME="$$home" $(BIN)/python -m pytest tests/browser $(SCREENSHOTS:%=--screenshots %)

.PHONY: test-workers
test-workers: $(INSTALLED) ## Run the tests in which workers take runs from a Prefect server, and die
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITHOUT_SETTINGS) PREFECT_HOME="$$home" $(BIN)/python -m pytest tests/workers

.PHONY: test-scale
test-scale: $(INSTALLED) ## Three workers share a file and Stripe's limit, and one is killed, on SQLite, and on Postgres and Redis (SCALE_ARGS="--orders 150")
	@{ command -v redis-server && ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq postgresql redis-server; } || \
	{ echo "It needs Postgres and Redis: install them, on Debian with: apt-get install postgresql redis-server"; exit 1; }
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITHOUT_SETTINGS) PREFECT_HOME="$$home" $(BIN)/python -m pytest tests/scale -rP $(SCALE_ARGS)

.PHONY: chaos
chaos: $(INSTALLED) ## Break the lifecycles at every exchange, in every manner (CHAOS_ARGS="--seed 7 --schedules 3000")
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITHOUT_SETTINGS) PREFECT_HOME="$$home" $(BIN)/python -m tests.chaos $(CHAOS_ARGS)

.PHONY: mutations
mutations: $(INSTALLED) ## Take out, one by one, what keeps money from moving twice: each time a test must fail
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITHOUT_SETTINGS) PREFECT_HOME="$$home" $(BIN)/python -m tests.mutations

.PHONY: test-stripe
test-stripe: $(INSTALLED) ## Run the contract tests against Stripe's test mode (STRIPE_API_KEY=sk_test_…)
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITH_KEY_ALONE) PREFECT_HOME="$$home" $(BIN)/python -m pytest tests/contract --stripe -rs $(PYTEST_ARGS)

.PHONY: lint
lint: $(INSTALLED) ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy examples
	$(BIN)/pyright

.PHONY: docs
docs: $(INSTALLED) ## Build the documentation into site/; a link that leads nowhere fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: bench
bench: $(INSTALLED) ## Measure what a call and an extracted object cost
	@for file in benchmarks/bench_*.py; do $(WITHOUT_SETTINGS) $(BIN)/python "$$file" || exit; done

.PHONY: scale
scale: $(INSTALLED) ## Run ten thousand orders as a batch, under faults, its process killed twice (BATCH_ARGS="--orders 1000")
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	$(WITHOUT_SETTINGS) PREFECT_HOME="$$home" $(BIN)/python benchmarks/batch_at_scale.py $(BATCH_ARGS)

.PHONY: constraints
constraints: $(INSTALLED) ## Write down the versions that are installed, after an upgrade in .venv
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude setuptools > constraints.txt

.PHONY: clean
clean: ## Remove what the others made
	rm -rf .venv .serve build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
