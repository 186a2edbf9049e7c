# Everything there is to do with this checkout. `make` alone lists it.
# A target installs what it lacks (.ci/setup), quietly, and only that.
#
#   ARGS    goes to the program that the target runs: make run ARGS="--bind 0.0.0.0"
#   PYTHON  makes .venv: make run PYTHON=/usr/bin/python3
#   EXTRAS  is installed with the services: make install EXTRAS=otel

SHELL := /bin/bash
PYTHON ?= python3
export PYTHON
# Where it is set each start of a server compiles all that it imports, and tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=
FUZZ_SECONDS ?= 60
SETUP = .ci/setup
VENV = .venv/bin
BOXES = "$${INGESTD_BOX_CACHE:-$$HOME/.cache/ingestd-boxes}"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check lint types test-pages screenshots bench chaos fuzz clean install uninstall test-boxes

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, start everything, print where to go
	@$(SETUP) run
	@$(VENV)/ingestd up $(ARGS)

test: ## every check and every test, in a browser too
	@$(SETUP) test
	@failed=; \
	make --no-print-directory --keep-going SETUP=: lint types test-pages || failed=yes; \
	[ -z "$$failed" ] || echo '==> A check above FAILED, and so will this run, whatever the tests say'; \
	echo '==> Tests' && PYTHONHASHSEED=0 $(VENV)/pytest -n 3 --dist loadscope $(ARGS) && [ -z "$$failed" ]

check: ## the fast part of it, in seconds: lint, types, tests of the pure cores
	@$(SETUP) check
	@$(MAKE) --no-print-directory SETUP=: lint types
	@$(VENV)/pytest -m 'not system and not browser' $(ARGS)

lint: ## style, and which module may import which
	@$(SETUP) check
	@echo '==> Lint'
	@$(VENV)/ruff check
	@$(VENV)/ruff format --check
	@$(VENV)/lint-imports

types: ## types of the Python and of the pages
	@$(SETUP) check
	@echo '==> Types'
	@$(VENV)/mypy
	@cd web && npm run --silent types

test-pages: ## tests of the pages' modules, without a browser
	@$(SETUP) check
	@echo '==> Tests of the pages'
	@cd web && npm run --silent test

screenshots: ## every page in each state, as build/screenshots/*.png (ARGS="home watch": these)
	@$(SETUP) test
	@$(VENV)/python -m tests.browser.screenshots $(ARGS)

bench: ## measure, and print a table (ARGS="--quick splitter": some of it)
	@$(SETUP) test
	@$(VENV)/python -m tests.bench $(ARGS)

chaos: ## break everything that can break, and count the frames (as root services, too; ARGS="--quick": each once)
	@$(SETUP) test
	@$(VENV)/python -m tests.chaos --viewer --out chaos.md $(ARGS)

fuzz: ## feed the container splitter, and what reads SDP, with broken input for FUZZ_SECONDS=60 each
	@$(SETUP) fuzz
	@$(VENV)/python -m tests.fuzz.fuzz_splitter $(FUZZ_SECONDS)
	@$(VENV)/python -m tests.fuzz.fuzz_sdp $(FUZZ_SECONDS)

install: ## as services of systemd, which it does not start
	@$(SETUP) run
	@.ci/service install

uninstall: ## take them away again; settings and data stay
	@.ci/service uninstall

test-boxes: ## install and break it for real, with a systemd and a Docker of its own (root; minutes)
	@$(SETUP) test
	@tests/boxes/systemd-box.sh $(BOXES) bookworm tests/boxes/systemd/install tests/boxes/systemd/check
	@tests/boxes/docker-box.sh $(BOXES) . tests/boxes/docker/check

clean: ## remove all that was made here, .venv and node_modules included; Debian packages stay
	rm -rf chaos.md .venv .stamps web/node_modules web/dist tests/bench/node_modules build ./*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
