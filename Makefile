# Voicewright: give a language model your voice, and know whether it worked.
# `make help` lists the targets. Each takes RECIPE=, and where it makes sense SET="k=v ...", RUN= and SOURCE=.

RECIPE ?= demo
# Python keeps its compiled modules: without them every command takes twice as long to start.
unexport PYTHONDONTWRITEBYTECODE
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
	@$(CORE) -m voicewright.pipeline.doctor build

doctor: $(READY) ## what is there, what is missing, and the command that mends it
	@$(CORE) -m voicewright.pipeline.doctor

demo: ## the whole path with the embedded model and the sample manuscript
	@$(MAKE) --no-print-directory all RECIPE=demo

all: report ## every stage to the decision and the report

STAGE := $(CORE) -m voicewright.pipeline.runner
STAGES := prepare render baseline train merge generate voice judge verdict decide report
$(filter-out verdict,$(STAGES)): $(READY)
	@$(STAGE) $@ $(RECIPE)

prepare: ## manuscripts to checked, token-bounded, split rows
render: ## recipe.yaml and axolotl.yaml, and nothing else
train: ## Axolotl, with progress; goes on where it was stopped
merge: ## adapter and base to merged_models/ (CHECKPOINT=auto, best or a step)
generate: ## every arm's texts, one server at a time
voice: ## how close each arm is to the author
judge: ## blind pairs, and the judges' votes on them
decide: ## deploy, don't, or not enough evidence yet
report: ## one page with the decision and its evidence

new: $(READY) ## a recipe that fits your material and this machine: RECIPE=mine SOURCE=path
	@$(CORE) -m prepare.new "$(RECIPE)" "source=$(SOURCE)"

verdict: $(READY) ## what the votes say; PAIRS=file VOTES=file [KEY=file] [OUT=file] without a recipe
	@$(if $(PAIRS),$(CORE) -m benchmarks.verdict pairs=$(PAIRS) votes=$(VOTES) $(KEY:%=key=%) $(OUT:%=out=%),$(STAGE) $@ $(RECIPE))

plan: $(READY) ## what a run will take: steps, memory, disk, hours; before anything is downloaded
	@$(CORE) -m train.plan $(RECIPE) $(SET)

show: $(READY) ## N training rows as the model sees them, masked tokens dimmed
	@$(STAGE) prepare $(RECIPE) train.show $(N:%=rows=%)

sample: $(READY) ## N masked rows that can be shown to others
	@$(STAGE) prepare $(RECIPE) prepare.sample $(N:%=n=%)

base: $(READY) ## an untrained small model from TEXTS=folder into OUT=folder, for recipe tiny_base to train
	@$(CORE) -m train.new_base $(TEXTS) $(OUT:%=out=%) $(SET)

monitor: $(READY) ## a training's curves, from another terminal
	@$(STAGE) none $(RECIPE) train.monitor

checkpoints: $(READY) ## every checkpoint's voice, copying and bits per character, and the one to merge
	@$(STAGE) baseline $(RECIPE) train.compare

sweep: $(READY) ## one run a combination: SET="model=a,b axolotl.lora_r=8,16"
	@$(CORE) -m train.sweep $(RECIPE) $(SET)

serve: $(READY) ## baseline on 8000, merged on 8002 (ARM=baseline or ARM=production for one; RUNS=a,b: adapters on one base)
ifdef RUNS
	@$(CORE) -m serve.many $(RUNS)
else ifeq ($(ARM),production)
	@$(CORE) -m serve.up "$$($(CORE) -m benchmarks.deploy show=1)"
else
	@$(STAGE) $(if $(filter baseline,$(ARM)),none,merge) $(RECIPE) serve.up arm=$(or $(ARM),both)
endif

chat: $(READY) ## both models answer, side by side
	@$(STAGE) merge $(RECIPE) serve.chat

stop: $(READY) ## end exactly the servers that were started
	@$(CORE) -m serve.down $(RUN)

blind: $(READY) ## the readers' packet: a page to mail to friends, served here too from a terminal
	@$(STAGE) packet $(RECIPE)
	@if test -t 0; then $(STAGE) none $(RECIPE) benchmarks.blind serve=1; fi

ballots: $(READY) ## merge readers' ballots, FILES=a.json,b.json, into the votes
	@$(STAGE) none $(RECIPE) benchmarks.ballots files=$(FILES)

preferences: $(READY) ## votes to preference pairs, material for the next round
	@$(STAGE) verdict $(RECIPE) benchmarks.preferences

guide: $(READY) ## testers.md: what to load, how to ask, answers to expect, limits, licences [PROMPTS=6]
	@$(STAGE) decide $(RECIPE) benchmarks.guide $(PROMPTS:%=prompts=%)

deploy: $(READY) ## make the run's model the one in production, if the decision says so (or ANYWAY="a reason")
	@$(STAGE) decide $(RECIPE) benchmarks.deploy $(if $(ANYWAY),"anyway=$(ANYWAY)")

rollback: $(READY) ## back to the model that was in production before
	@$(CORE) -m benchmarks.deploy rollback=1

parity: $(READY) ## does vLLM say what was merged? the same tokens, asked of the served model
	@$(STAGE) merge $(RECIPE) train.served

push: $(READY) ## the merged model to a private repository on the hub, TO=owner/name; asks first
	@$(STAGE) merge $(RECIPE) train.push to=$(TO)

score: $(READY) ## how close are TEXTS=dir[,dir] to AUTHOR=dir? [IMPOSTERS=dir] [OUT=file.json]
	@$(CORE) -m benchmarks.score author=$(AUTHOR) texts=$(TEXTS) $(IMPOSTERS:%=imposters=%) $(OUT:%=out=%)

validate: $(READY) ## do the measures tell real authors apart? CORPUS=dir [SPLITS=] [AUTHORS=a,b] [OUT=file.json]
	@$(CORE) -m benchmarks.validate corpus=$(CORPUS) $(SPLITS:%=splits=%) $(AUTHORS:%=authors=%) $(OUT:%=out=%)

compare: $(READY) ## runs side by side on one page, RUNS=a,b,c [OUT=file], from what they left on disk
	@$(CORE) -m benchmarks.compare $(or $(RUNS),$(RECIPE)) $(OUT:%=out=%)

runs: $(READY) ## all runs and how far each is
	@$(CORE) -m voicewright.pipeline.runs

clean: $(READY) ## remove one run (RUN= or RECIPE=) and its merged model
	@$(CORE) -m voicewright.pipeline.runs clean $(or $(RUN),$(RECIPE))

upstream: $(READY) ## export the keys that the pinned Axolotl and vLLM accept
	@$(CORE) -m voicewright.recipe.upstream

test: $(READY) ## every test, a real end-to-end run included
	@$(CORE) -m pytest -n 2 --dist worksteal --durations=8 -m "not engine"
	@$(CORE) -m pytest --durations=8 -m "engine and not recipes and not long"

test-long: $(READY) ## the engine tests that take longest
	@$(CORE) -m pytest --durations=8 -m long

test-recipes: $(READY) ## each of the five recipes end to end, in miniature
	@$(CORE) -m pytest --durations=12 -m recipes

test-fast: $(READY) ## the tests that need no engine
	@$(CORE) -m pytest -n 2 --dist worksteal -m "not slow and not engine"

lint: $(READY) ## ruff and mypy
	@$(CORE) -m ruff check . && $(CORE) -m ruff format --check . && $(CORE) -m mypy

.PHONY: help setup doctor demo all $(STAGES) new plan show sample base monitor checkpoints sweep serve chat stop blind ballots \
	preferences guide deploy rollback parity push score validate compare runs clean upstream test test-long test-recipes test-fast lint
