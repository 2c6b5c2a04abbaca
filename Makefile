# Switchyard. `make help` lists the targets; every one of them sets up what it needs.
SHELL := /bin/sh
VENV := .venv
PORT ?= 2024
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
PEERS := .venv-peers/.peers
QUESTION := Which packages in this environment are not under a permissive licence, and what follows for a product that ships them?

.DEFAULT_GOAL := help
.PHONY: help install demo dev test test-long lint typecheck contracts lock bench bench-agentdojo bench-boundary bench-budget bench-conformance-client bench-conformance-server bench-cost bench-effects bench-encoder bench-foreign bench-gateway bench-harness bench-kill bench-models bench-sessions bench-tokens bench-peers bench-router bench-sandbox bench-wires clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

install: $(RUNTIME) ## create .venv with the locked runtime (hashes checked)

demo: $(RUNTIME) ## run the main job: a deep licence review of this very environment
	@$(BIN)/switchyard run "$(QUESTION)"

dev: $(RUNTIME) ## start the LangGraph dev server on http://127.0.0.1:2024 (PORT=… for another)
	@$(BIN)/switchyard dev --port $(PORT)

test: lint typecheck contracts ## lint, types, import contracts and all tests
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not long"

test-long: $(DEVELOPMENT) ## the tests that take long, which `make test` leaves out
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m long

lint: $(DEVELOPMENT) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

typecheck: $(DEVELOPMENT) ## mypy, strict
	@$(BIN)/python -m mypy

contracts: $(DEVELOPMENT) ## import-linter: rooms import downward only
	@$(BIN)/lint-imports

bench: bench-agentdojo bench-boundary bench-budget bench-cost bench-encoder bench-foreign bench-gateway bench-harness bench-kill bench-models bench-router bench-sessions bench-tokens bench-wires ## all benchmarks; each writes bench/results/NAME.json

bench-agentdojo: $(RUNTIME) $(PEERS) ## injected attacks through the gateway (ARGS=--small for a sample)
	@$(BIN)/python -m bench.agentdojo $(ARGS)

bench-foreign: $(DEVELOPMENT) ## servers from npm and PyPI, and an API by its document, through the gateway (needs Node and git)
	@$(BIN)/python -m bench.foreign

bench-conformance-client: $(RUNTIME) ## the protocol's own suite against the gateway as a client (needs npm)
	@$(BIN)/python -m bench.conformance_client

bench-conformance-server: $(RUNTIME) ## the protocol's own suite against what we offer on (needs npm)
	@$(BIN)/python -m bench.conformance_server

bench-boundary: $(DEVELOPMENT) ## not one byte of a regulated run to an uncleared address, in ten thousand drawn cases (ARGS=--small for a sample)
	@$(BIN)/python -m bench.boundary $(ARGS)

bench-budget: $(DEVELOPMENT) ## ceilings under parallel calls and kill -9 (ARGS=--small for a sample)
	@$(BIN)/python -m bench.budget $(ARGS)

bench-cost: $(DEVELOPMENT) ## what tiers save on a mixed workload (ARGS=--small for a sample)
	@$(BIN)/python -m bench.cost $(ARGS)

bench-effects: $(DEVELOPMENT) ## kill -9 between an effect and its record, with and without keys (ARGS=--small for a sample)
	@$(BIN)/python -m bench.effects $(ARGS)

bench-encoder: $(RUNTIME) ## the local sentence encoder beside float32 and numpy (ARGS=--small for a sample)
	@$(BIN)/python -m bench.encoder $(ARGS)

bench-gateway: $(RUNTIME) ## what the gateway adds to a call (ARGS=--small for a sample)
	@$(BIN)/python -m bench.gateway $(ARGS)

bench-harness: $(DEVELOPMENT) $(PEERS) ## makespan and processor time beside waves and deepagents (ARGS=--small for a sample)
	@$(BIN)/python -m bench.harness $(ARGS)

bench-models: $(RUNTIME) $(PEERS) ## processor time of a call of a model beside litellm and ChatOpenAI (ARGS=--small for a sample)
	@$(BIN)/python -m bench.models $(ARGS)

bench-sessions: $(RUNTIME) $(PEERS) ## a thousand sessions at once in one process beside ChatOpenAI (ARGS=--small for a sample)
	@$(BIN)/python -m bench.sessions $(ARGS)

bench-kill: $(DEVELOPMENT) ## kill -9 at 250 random instants, then resume (ARGS=--small for a sample)
	@$(BIN)/python -m bench.kill $(ARGS)

bench-router: $(DEVELOPMENT) $(PEERS) ## routing beside its baselines: quality, promise, time, cost (ARGS=--small for a sample)
	@$(BIN)/python -m bench.router $(ARGS)

bench-sandbox: $(RUNTIME) ## attempts to escape from the sandbox, and its start-up time (needs bubblewrap)
	@$(BIN)/python -m bench.sandbox

bench-tokens: $(DEVELOPMENT) $(PEERS) ## calls, tokens and makespan of one job beside its peers (ARGS=--small for a sample)
	@$(BIN)/python -m bench.tokens $(ARGS)

bench-wires: $(DEVELOPMENT) ## the same jobs on three vendors' formats, by changing models.yaml alone
	@$(BIN)/python -m bench.wires $(ARGS)

bench-peers: $(PEERS) ## install the benchmarks' peers into .venv-peers

lock: ## resolve the dependencies anew (needs uv)
	@requirements/lock.sh

clean: ## remove the environment and all run data
	rm -rf $(VENV) .venv-peers .switchyard .langgraph_api

$(RUNTIME): requirements/runtime.txt requirements/weights.txt pyproject.toml
	@./setup.sh requirements/runtime.txt
	@touch $@

$(DEVELOPMENT): requirements/dev.txt $(RUNTIME)
	@./setup.sh requirements/dev.txt
	@touch $@

$(PEERS): requirements/peers.txt $(RUNTIME)
	@bench/peers/setup.sh
