# Voicewright: give a language model your voice, and know whether it worked.
# `make help` lists the targets. Each takes RECIPE=, and where it makes sense SET="k=v ...", RUN= and SOURCE=.

RECIPE ?= demo
export RUN SET SOURCE ACCEL FORCE DRY_RUN CHECKPOINT

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

$(UV):
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or 3.12 is needed and was not found" >&2; exit 2; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .envs/uv "uv==$$(cat requirements/uv.txt)"

$(READY): requirements/core.txt | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .envs/core
	@$(UV) pip sync --quiet --python $(CORE) requirements/core.txt
	@sha256sum requirements/core.txt | cut -d' ' -f1 > $@

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## build all three environments now (otherwise each is built on first need)
	@$(CORE) -m voicewright.doctor build

doctor: $(READY) ## what is there, what is missing, and the command that mends it
	@$(CORE) -m voicewright.doctor

demo: ## the whole path with the embedded model and the sample manuscript
	@$(MAKE) --no-print-directory all RECIPE=demo

all: report ## every stage to the decision and the report

STAGES := prepare render baseline train merge generate voice pair blind verdict decide report
FILES := $(if $(PAIRS),pairs=$(PAIRS) votes=$(VOTES) $(if $(KEY),key=$(KEY)) $(if $(OUT),out=$(OUT)))
$(STAGES): $(READY)
	@$(CORE) -m $(if $(and $(filter verdict,$@),$(PAIRS)),benchmarks.verdict $(FILES),voicewright.stages $@ $(RECIPE))

prepare: ## manuscripts to checked, token-bounded, split rows
render: ## recipe.yaml and axolotl.yaml, and nothing else
train: ## Axolotl, with progress; goes on where it was stopped
merge: ## adapter and base to merged_models/ (CHECKPOINT=auto or a step)
generate: ## every arm's texts, one server at a time
voice: ## how close each arm is to the author
blind: ## blind pairs and the judges' votes on them
verdict: ## what the votes say; or PAIRS=file VOTES=file [OUT=file] without a recipe
decide: ## deploy, don't, or not enough evidence yet
report: ## one page with the decision and its evidence

serve: $(READY) ## baseline on 8000 and merged on 8002 (ARM=baseline for one)
	@$(CORE) -m serve.up $(or $(RUN),$(RECIPE)) arm=$(or $(ARM),both)

stop: $(READY) ## end exactly the servers that were started
	@$(CORE) -m serve.down $(RUN)

runs: $(READY) ## all runs and how far each is
	@$(CORE) -m voicewright.runs

clean: $(READY) ## remove one run (RUN= or RECIPE=) and its merged model
	@$(CORE) -m voicewright.runs clean $(or $(RUN),$(RECIPE))

test: $(READY) ## every test, a real end-to-end run included
	@$(CORE) -m pytest

test-fast: $(READY) ## the tests that need no engine
	@$(CORE) -m pytest -m "not slow and not engine"

lint: $(READY) ## ruff and mypy
	@$(CORE) -m ruff check . && $(CORE) -m ruff format --check . && $(CORE) -m mypy

.PHONY: help setup doctor demo all $(STAGES) serve stop runs clean test test-fast lint
