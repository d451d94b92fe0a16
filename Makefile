# Needs Python 3.11 to 3.14 and make; on Debian and Ubuntu apt installs the rest, where it may be used.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Arguments for the command: make demo ARGS="--fault poison-rows", make test ARGS="tests/lab -k cron"
ARGS ?=
# Tests wait more than they compute, so there are more processes than a small machine has cores. The tests of a file run in
# one process, and files start in their order: the long ones before the short ones of tests/. ARGS="-n0": one process.
PROCESSES := -n 4 --dist loadfile --no-loadscope-reorder
# Tests of whole systems with scaled times, which a busy machine would disturb: they run after the others, three at a time.
LIVE := tests/matrix tests/end_to_end/test_watch.py tests/alerts/test_agreement_live.py tests/dashboards/test_live.py

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bench check lint types imports manifests generate lock format packages clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

# The demo of a profile needs the profile's library.
demo: $(VENV)/$(if $(findstring --profile,$(ARGS)),demo-profiles,demo).stamp ## an outbox with live traffic and the exporter that monitors it; Ctrl-C ends it
	@exec $(BIN)/outbox-exporter demo $(ARGS)

test: $(VENV)/dev.stamp packages ## every test, after installing the programs that they need
ifeq ($(strip $(ARGS)),)
	@$(BIN)/pytest $(PROCESSES) $(LIVE:%=--ignore=%)
	@exec $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(LIVE)
else
	@exec $(BIN)/pytest $(PROCESSES) $(ARGS)
endif

# The tests run last: their closing lines are the result.
check: lint types imports manifests test ## all that CI does

lint: $(VENV)/dev.stamp ## style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/dev.stamp ## types, strictly
	$(BIN)/mypy

imports: $(VENV)/dev.stamp ## the import contracts of pyproject.toml
	$(BIN)/lint-imports

manifests: $(VENV)/dev.stamp ## Dockerfiles, compose.yaml, workflows
	$(BIN)/hadolint Dockerfile examples/compose/lab.Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/actionlint

bench: $(VENV)/dev.stamp packages ## the cost of monitoring, compared with other exporters; see docs/performance.md
	@exec $(BIN)/python -m benchmarks $(ARGS)

generate: $(VENV)/dev.stamp ## write every generated file: tables of the documentation, rule files, dashboards
	@exec $(BIN)/python -m tools.generate $(ARGS)

lock: ## lock the image's dependencies, and list them in docs/dependencies.md; ARGS="--upgrade" takes newer ones
	@tools/lock $(ARGS)

format: $(VENV)/dev.stamp ## format the code, and fix what ruff can fix
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

packages: ## the system packages that tests use
	@tools/packages

clean: ## back to a fresh clone
	rm -rf $(VENV) .newest build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -r {} +

# Installed again whenever pyproject.toml changes. The extra `dev` includes `demo-profiles`, and that includes `demo`.
$(VENV)/demo.stamp: pyproject.toml
	@tools/venv $(PYTHON) $(VENV) demo
	@touch $@

$(VENV)/demo-profiles.stamp: pyproject.toml
	@tools/venv $(PYTHON) $(VENV) demo-profiles
	@touch $(VENV)/demo.stamp $@

$(VENV)/dev.stamp: pyproject.toml
	@tools/venv $(PYTHON) $(VENV) dev
	@touch $(VENV)/demo.stamp $(VENV)/demo-profiles.stamp $@
