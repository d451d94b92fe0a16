# Needs Python 3.11 or newer and make; on Debian and Ubuntu the rest comes through apt, where it may be used.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# For the programs: make demo ARGS="--fault poison-rows", make test ARGS="tests/lab -k cron"
ARGS ?=
# Tests wait more than they compute, so there are more processes than a small machine has cores. A file stays in one, and
# files begin in their order: the long ones come before the short ones of tests/ itself. ARGS="-n0" is one process.
PROCESSES := -n 4 --dist loadfile --no-loadscope-reorder
# Whole worlds at a rehearsal's pace, in which seconds count: they come after the rest, and beside one another.
LIVE := tests/matrix tests/end_to_end/test_watch.py tests/alerts/test_agreement_live.py tests/dashboards/test_live.py

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bench check lint types imports dockerfile generate format packages clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/demo.stamp ## an outbox with live traffic, and the exporter in front of it; Ctrl-C ends it
	@exec $(BIN)/outbox-exporter demo $(ARGS)

test: $(VENV)/dev.stamp packages ## every test, after installing what they need
ifeq ($(strip $(ARGS)),)
	@$(BIN)/pytest $(PROCESSES) $(LIVE:%=--ignore=%)
	@exec $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(LIVE)
else
	@exec $(BIN)/pytest $(PROCESSES) $(ARGS)
endif

# The tests come last: their closing lines are the verdict.
check: lint types imports dockerfile test ## all that CI does

lint: $(VENV)/dev.stamp ## style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/dev.stamp ## types, strictly
	$(BIN)/mypy

imports: $(VENV)/dev.stamp ## who may import whom
	$(BIN)/lint-imports

dockerfile: $(VENV)/dev.stamp ## the Dockerfile's style
	$(BIN)/hadolint Dockerfile

bench: $(VENV)/dev.stamp packages ## what watching costs, beside other exporters; docs/performance.md tells how long it takes
	@exec $(BIN)/python -m benchmarks $(ARGS)

generate: $(VENV)/dev.stamp ## write every generated file: tables of the documentation, rule files, dashboards
	@exec $(BIN)/python -m tools.generate $(ARGS)

format: $(VENV)/dev.stamp ## put the code into its format, and mend what can be mended
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

packages: ## the system packages that tests use
	@tools/packages

clean: ## back to a fresh clone
	rm -rf $(VENV) .newest build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -r {} +

# Installed anew whenever pyproject.toml changes. What the tests need includes what the demo needs.
$(VENV)/demo.stamp: pyproject.toml
	@tools/venv $(PYTHON) $(VENV) demo
	@touch $@

$(VENV)/dev.stamp: pyproject.toml
	@tools/venv $(PYTHON) $(VENV) dev
	@touch $(VENV)/demo.stamp $@
