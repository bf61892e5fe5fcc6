# `make help` lists the targets. Everything runs in .venv, which is made on first use and again when a lock file changes.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test soak mutants lint check ui bench docs lock setup clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What only the tests need, on top.
DEV_STAMP := $(VENV)/.installed-dev
# DVC starts the stages with the `python` it finds on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport PYTHONHOME
BENCHMARKS := time_to_accuracy recipes pipeline scaling tracking_cost evaluation search_cost many_runs decoding
# The programs in an environment name its folder: in a project that was moved or copied they would run those of before.
MOVED := $(shell test ! -e $(BIN)/glyphline || grep -qF "$(CURDIR)/$(BIN)/python" $(BIN)/glyphline || echo yes)
# `make setup GPU=1` installs CUDA's libraries with TensorFlow.
LOCK := $(if $(GPU),requirements-gpu.lock,requirements.lock)
COMPILE := uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-strip-extras --quiet
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3 python,$(shell $(name) -c \
	'import sys, venv, ensurepip; print("$(name)") if (3, 11) <= sys.version_info[:2] <= (3, 13) else None' 2>/dev/null)))

# pip as its users know it prints a line per package, or nothing for minutes: here a line per large one. As uv does, it
# compiles no modules: most are never imported. An older pip takes a hashed requirement with an extra for an unpinned one.
# PYTHONUTF8: where the locale is another, pip would write the path of a folder such as é wrongly into its programs.
PIP := env PYTHONUTF8=1 $(BIN)/python -m pip install --disable-pip-version-check
define install
	if command -v uv >/dev/null 2>&1; then \
		uv pip install --python $(BIN)/python --require-hashes -r $(1) && \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		$(PIP) --quiet "pip>=23.3" && \
		{ $(PIP) --no-compile --progress-bar off --require-hashes -r $(1); echo "ended $$?"; } | { \
			count=0; all=$$(grep -c '^[a-z0-9].*==' $(1)); \
			while read -r word name rest; do \
				test "$$word" != Using || { name=$${rest%% *}; rest=$${rest#* }; }; \
				case "$$word $$rest" in \
				Collecting*|Processing*) count=$$((count + 1)); test $$((count % 25)) != 0 || echo "  $$count of at most $$all packages";; \
				"Downloading ("[0-9][0-9]*MB*|"Using "*" ("[0-9][0-9]*MB*|"Using ("[0-9][0-9]*MB*) echo "  $${name%%-*} $$rest";; \
				"Installing packages: "*) echo "  installing $$count packages, a minute or two";; \
				ended*) exit $$name;; \
				esac; \
			done; } && \
		$(PIP) --quiet --no-deps --no-build-isolation -e .; \
	fi
endef

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP)  ## rebuild what changed, from images to a registered model, and print what came out
	@dvc repro && glyphline summary
	@git -c user.useConfigOnly=true var GIT_COMMITTER_IDENT >/dev/null 2>&1 || { \
		echo "git does not know who you are, and \`git commit\` and \`dvc exp run\` need it:"; \
		echo '    git config --global user.name "Your Name"'; \
		echo '    git config --global user.email "you@example.com"'; }

test: $(DEV_STAMP)  ## every test: unit, contract, integration, end to end, browser
	@pytest tests/unit tests/contract
	@# The others run side by side: each waits much of its time, for servers and for processes that import or are killed.
	@log=$$(mktemp); pytest tests/e2e tests/browser >$$log 2>&1 & other=$$!; \
		pytest tests/integration; first=$$?; wait $$other; second=$$?; cat $$log; rm -f $$log; exit $$((first | second))

soak: $(DEV_STAMP)  ## hundreds of kill -9 of a search, 1,000 flipped bits, and the registry under 32 processes with random kills; hours
	@pytest -q -s tests/soak
	@GLYPHLINE_FLIPS=1000 pytest tests/integration/test_flips.py
	@GLYPHLINE_SOAK=32x20 pytest tests/integration/test_contention.py tests/integration/test_registry_machine.py

mutants: $(DEV_STAMP)  ## which random changes of the code no test notices, SEED=1 COUNT=60 STEP=all JOBS=1; hours, can be interrupted
	@python -m tests.mutants --seed $(or $(SEED),1) --count $(or $(COUNT),60) --step $(or $(STEP),all) --jobs $(or $(JOBS),1)

lint: $(DEV_STAMP)  ## lint, types and layers
	@ruff check . && ruff format --check . && mypy && lint-imports --no-logo

check: lint  ## lint, types, layers and the quick tests
	@pytest -q tests/unit tests/contract

ui: $(STAMP)  ## MLflow's UI over the project's runs, on 127.0.0.1:5000
	@glyphline ui

bench: $(STAMP)  ## all benchmarks, about an hour (QUICK=1: minutes, no figures); writes benchmarks/results/
	@for name in $(BENCHMARKS); do echo "benchmark $$name" >&2; python benchmarks/$$name.py $(if $(QUICK),--quick) || exit 1; done

docs: $(DEV_STAMP)  ## write docs/params.md from the descriptions of the fields, docs/advice.md from the errors
	@glyphline params --markdown > docs/.params.md && mv docs/.params.md docs/params.md
	@python -m tests.contract.advice > docs/.advice.md && mv docs/.advice.md docs/advice.md

lock: $(DEV_STAMP)  ## resolve the dependencies again into requirements.lock, -gpu.lock and -dev.lock
	@$(COMPILE) --group dev --upgrade --output-file requirements-dev.lock
	@$(COMPILE) --group build --extra plots --constraints requirements-dev.lock --upgrade --output-file requirements.lock
	@$(COMPILE) --group build --extra plots --extra gpu --constraints requirements-dev.lock --upgrade --output-file requirements-gpu.lock

setup: $(STAMP)  ## make .venv now; GPU=1 adds CUDA's libraries

clean:  ## remove .venv and the caches; data, runs and models stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

ifeq ($(MOVED),yes)
.PHONY: $(STAMP)
endif
$(STAMP): $(LOCK) pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 with venv was found"; \
		echo "fix: install one (Debian: apt-get install python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; } >&2
	@case '$(subst ','\'',$(CURDIR))' in *%*) echo "error: the path of this folder holds a %, and MLflow does not work from an environment below it"; \
		echo "fix: move the project to a path without one, or rename the folder that has it: $(CURDIR)"; exit 1;; esac >&2
	@test "$(MOVED)" != yes || { echo "the project was moved or copied here: $(VENV) is made again"; rm -rf $(VENV); }
	@echo "setting up $(VENV) from $(LOCK) (some minutes on first use)"
	@test -x $(BIN)/python || env PYTHONUTF8=1 $(PYTHON) -m venv $(VENV)
	@$(call install,$(LOCK))
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(STAMP)
	@echo "adding to $(VENV) what the tests need, from requirements-dev.lock"
	@$(call install,requirements-dev.lock)
	@touch $@
