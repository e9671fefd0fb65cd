# Voicewright: give a language model your voice, and know whether it worked.
#
# `make X RUN=r SET="k=v ..."` is `voicewright X RUN=r SET="k=v ..."`; `make help` lists the commands, which voicewright/cli
# defines. Here is only what has to be there before Python is: uv and the core environment.

COMMANDS := new prepare show sample plan render train monitor merge checkpoints sweep base parity serve chat stop \
	baseline generate voice pair judge blind ballots verdict score validate imposters simulate \
	decide report compare guide preferences deploy rollback push all demo runs clean setup doctor upstream help

# Every variable on make's command line is handed over by the environment, as it was typed: its value is never expanded
# by make and is never part of a shell line.
GIVEN := $(strip $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(v)))),$(v))))
$(foreach v,$(GIVEN),$(eval override $(v) := $$(value $(v)))$(eval export $(v)))
VOICEWRIGHT := VOICEWRIGHT_MAKE="$(GIVEN)" .envs/core/bin/python -m voicewright
# Python keeps its compiled modules: without them every command takes twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

# Python 3.11 or 3.12; a version manager's stand-in that cannot run is passed over.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
UV := .envs/uv/bin/uv
CORE := .envs/core/bin/python
READY := .envs/core/pins.sha256
# A wheelhouse that pip knows of serves uv too.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

$(COMMANDS): $(READY)
	@$(VOICEWRIGHT) $@

# A misspelt target: the command line knows what was meant.
.DEFAULT:
	@test -x $(CORE) || { echo "error: no such target: $@; make help lists them" >&2; exit 2; }
	@$(VOICEWRIGHT) $@

$(UV):
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or 3.12 is needed and was not found" >&2; exit 2; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .envs/uv "uv==$$(cat requirements/uv.txt)"

$(READY): requirements/core.txt | $(UV)
	@echo "note: installing the core environment from requirements/core.txt (once)" >&2
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .envs/core
	@$(UV) pip sync --quiet --python $(CORE) requirements/core.txt
	@sha256sum requirements/core.txt | cut -d' ' -f1 > $@

# Two workers, each on processors of its own (tests/conftest.py).
PYTEST := $(CORE) -m pytest -n 2 --durations=12

test: $(READY) ## the tests without an engine, then those that Axolotl and vLLM run in
	@$(PYTEST) --dist worksteal -m "not engine"
	@$(PYTEST) --dist loadgroup -m "engine and not recipes and not long"

test-long: $(READY) ## the five recipes end to end in miniature, and the engine tests that take longest
	@$(PYTEST) --dist loadgroup -m "recipes or long"

test-fast: $(READY) ## the tests that need no engine
	@$(PYTEST) --dist worksteal -m "not slow and not engine"

docs: $(READY) ## the documentation site, in site/
	@$(CORE) docs/generate_reference.py && $(CORE) -m zensical build --strict

lint: $(READY) ## ruff and mypy
	@$(CORE) -m ruff check . && $(CORE) -m ruff format --check . && $(CORE) -m mypy

.PHONY: $(COMMANDS) test test-long test-fast docs lint
