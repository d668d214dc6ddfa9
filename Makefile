# Every way in goes through here: a person, CI, GitHub Actions.
PYTHON ?= python3
PORT ?= 8000
PY = .venv/bin/python
STARTED := $(shell date +%s)
LOCK = $(PY) -m uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet
export NO_MKDOCS_2_WARNING = 1

.PHONY: help setup serve test test-quick test-full site output diagrams exercise demo-write-behind bench times handout lock

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26

setup: ## Set up packages by their lock files; done again only where one has changed
	@$(PYTHON) bootstrap.py

serve: setup ## Build the site and serve it on http://127.0.0.1:8000 with live reload (PORT=…)
	@$(PY) -m publish.site serve --port $(PORT)

test: setup ## Run every test against a real Redis (of its own, or REDIS_URL), and keep the ledger
	@$(PY) -m pytest --numprocesses $(if $(REDIS_URL),0,4) --dist loadscope --ignore=tests/site --ignore=tests/faults
	@REDIS_URL= UNTIL=$$(($(STARTED) + 300)) $(PY) -m pytest --numprocesses 3 tests/faults -m "not full"
	@REDIS_URL= $(PY) -m pytest --numprocesses 3 --dist loadscope -m "not full" tests/site

test-quick: setup ## Run what an edit needs: the press, and the examples that have changed; no browser
	@$(PY) -m harness.quick

test-full: setup ## Run the programs on Redis 7.4, Valkey and a cluster too, where they have not since they changed (ALL=1: all)
	@$(PYTHON) bootstrap.py full
	@$(PY) -m harness.full

site: setup ## Build strictly into site/
	@$(PY) -m publish.site build

output: setup ## Store again what the programs print
	@$(PY) -m harness.runner

diagrams: setup ## Render the Mermaid diagrams that have changed
	@$(PY) -m publish.draw

exercise: setup ## Check your solution of an exercise, by its number (N=2), in Python or IN=csharp, IN=node
	@$(PY) -m practice.exercise $(N) $(IN)

demo-write-behind: setup ## Watch workers die by kill -9 while no accepted write is lost
	@$(PY) -m practice.demo_write_behind

bench: setup ## Measure on this machine, and write benchmarks/results.json, from which the pages take every figure
	@$(PY) -m benchmarks

times: setup ## Measure how long a change takes to be seen and proved (ALL=1: and `make test`), beside the goals
	@$(PY) -m harness.times

handout: site ## Print the handout to build/handout.pdf, which the next build puts on the site
	@$(PY) -m publish.parts.handout

lock: setup ## Write requirements*.txt anew from requirements*.in
	@for name in requirements requirements-node; do $(LOCK) $$name.in -o $$name.txt; done
	@$(LOCK) --no-deps requirements-full.in -o requirements-full.txt
