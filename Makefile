# One word for each thing that a checkout is for. Everything runs in .venv, which is made when it is first needed
# and again when pyproject.toml changes. ARGS go to the command: make test ARGS='tests/xp -k streak'
PYTHON ?= python3
ARGS ?=
# LOCKED=1: what requirements.lock has, by its hashes, and nothing else.
LOCKED ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
READY := $(VENV)/.ready
TESTING := $(VENV)/.ready-for-tests

.PHONY: help up down test check bench lint
help:
	@echo "make up      start a PostgreSQL of this checkout's own, build and seed the database in it"
	@echo "make down    stop it (ARGS=--destroy: remove its data too)"
	@echo "make test    run the tests on a throwaway PostgreSQL"
	@echo "make check   prove that sources, migrations and rollbacks agree"
	@echo "make lint    ruff and mypy"
	@echo "make bench   measure"

up down check: $(READY)
	@$(BIN)/dbtool $@ $(ARGS)

test: $(TESTING)
	@$(BIN)/dbtool $@ $(ARGS)

bench: $(TESTING)
	@$(BIN)/python bench/run.py $(ARGS)
	@$(BIN)/python bench/calls.py $(ARGS)
	@$(BIN)/python bench/quiz.py $(ARGS)
	@$(BIN)/python bench/operations.py $(ARGS)
	@$(BIN)/python bench/leaderboards.py $(ARGS)
	@$(BIN)/python bench/analytics.py $(ARGS)
	@$(BIN)/python bench/migrate.py $(ARGS)

lint: $(TESTING)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(wildcard hatch_build.py toolkit tests bench)

$(READY): pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed; make PYTHON=… names one" \
	  if sys.version_info < (3, 10) else 0)'
	@echo "installing into $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(if $(LOCKED),$(INSTALL) --require-hashes --requirement requirements.lock && \
	  $(INSTALL) --no-deps --no-build-isolation --editable .,$(INSTALL) --editable .)
	@touch $@

$(TESTING): $(READY)
	@echo "installing what the tests need into $(VENV) (once)"
	@$(INSTALL) $(if $(LOCKED),--require-hashes --requirement requirements.lock,--editable '.[test]')
	@touch $@
