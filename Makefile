# Everything runs in .venv, made from the lock file by uv; uv itself is fetched if it is not there.
SHELL := /bin/bash
PYTHON ?= python3
UV := $(or $(shell command -v uv),.uv/bin/uv)
PY := .venv/bin/python
CLUSTER_TOOL = $(if $(NODE),NODE=$(NODE)) PYTHONPATH=$(TESTS) $(PY) -m cluster
TESTS := tests:tests/support:tests/performance
LOCK := --universal --generate-hashes --quiet --group dev pyproject.toml

# NODE=1 is for up, demo and test; the tests of the other rings know nothing of it.
unexport NODE
# BROWSER=1 has test fail where there is no browser for the page.
unexport BROWSER

# What a test module is compiled to, its assertions rewritten, is kept for the next run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: venv ## Walk through the story on a real Kubernetes API, with real commands; NODE=1 runs the containers, too.
	$(if $(NODE),NODE=$(NODE)) PYTHONPATH=$(TESTS) $(PY) -m demo

test: venv ## Run all tests, those on a real Kubernetes API included; NODE=1 fails where no node can run.
	$(PY) -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(if $(BROWSER),--require-browser)
	$(PY) -m pytest tests/node $(if $(NODE),--require-node)

test-controllers: venv ## Run workloads under the real controllers of other projects, which are built once: minutes.
	$(PY) -m pytest tests/controllers -n0

test-matrix: venv ## Run the tests of admission, controller and definition on other versions of Kubernetes, which are built once: half an hour each.
	PYTHONPATH=$(TESTS) $(PY) -m cluster.matrix $(or $(VERSIONS),v1.33.5 v1.34.4 v1.35.4)

node-packages: venv ## Install what a node needs, as root on Debian.
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$($(CLUSTER_TOOL) packages)

browser-packages: ## Install the browser of the page's tests, as root on Debian.
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-dejavu-core

promtool: .venv/bin/promtool ## Fetch what tests the alerts, as root on Debian; nothing is installed outside of .venv.

.venv/bin/promtool: | venv
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && set -e -o pipefail; \
	apt-get update -qq; (cd "$$tmp" && apt-get download -qq -o APT::Sandbox::User=root prometheus); \
	dpkg-deb --fsys-tarfile "$$tmp"/prometheus_*.deb | tar -xO ./usr/bin/promtool > "$$tmp/promtool"; \
	install "$$tmp/promtool" $@

checkov: venv ## Check all that the chart can bring with checkov, which is installed in an environment of its own within .venv.
	$(UV) venv --quiet --allow-existing .venv/share/checkov
	$(UV) pip install --quiet --python .venv/share/checkov/bin/python checkov==3.3.30
	ln -sf ../share/checkov/bin/checkov .venv/bin/checkov
	$(PY) -m pytest tests/integration/install/test_chart.py -k checkov -n0 -q

bench-scale: venv ## Measure the controller with 10,000 Environments and 100,000 users, and how another one goes on: minutes.
	PYTHONPATH=$(TESTS) $(PY) -m scale

bench-admission: venv ## Measure what admission and the plugin cost, compared with handlers that do nothing and a webhook in Go: minutes.
	PYTHONPATH=$(TESTS) $(PY) -m bench

bench-page: venv ## Measure how the page shows 10, 1,000 and 10,000 Environments, in Chromium: minutes.
	PYTHONPATH=$(TESTS) $(PY) -m page_load

law7: venv ## Delete 300 Environments while users come, past slow webhooks and a replica that is behind: minutes.
	PYTHONPATH=$(TESTS) $(PY) -m law7

corpus: venv ## Store what this version makes of workloads, for later versions to be held against; once a version.
	PYTHONPATH=$(TESTS) $(PY) -m corpus

unit: venv ## Run the tests that need no Kubernetes: seconds.
	$(PY) -m pytest tests/unit -n 2

lint: venv ## Check style, the import contract and the manifests' freshness.
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports

types: venv ## Check the types.
	.venv/bin/mypy

fmt: venv ## Format the code.
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

generate: venv ## Write the definition, policies, webhooks, kinds and the reference of the plugin from the code.
	$(PY) -m environment_operator.manifests.generate
	$(PY) -m environment_operator.cli.reference --out operator/cli.md

manifests: venv ## Write the plain manifests that come of the chart, with Helm, which is built once.
	PYTHONPATH=$(TESTS) $(PY) -m cluster.helm

release: venv ## Write the files of a release to dist/, and build the image; URL is where they will be, for krew. Nothing is sent.
	PYTHONPATH=$(TESTS) $(PY) -m release $(if $(URL),--url $(URL))

verify: venv ## Fail when a generated file or the lock file is stale.
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && set -e; \
	$(PY) -m environment_operator.manifests.generate --out "$$tmp"; \
	mkdir "$$tmp/operator"; $(PY) -m environment_operator.cli.reference --out "$$tmp/operator/cli.md"; \
	for file in $$(cd "$$tmp" && find * -type f) $$(find crds -name '*.yaml'); do \
	  diff "$$tmp/$$file" "$$file" || { echo "$$file is stale: run make generate" >&2; exit 1; }; \
	done; \
	cp requirements.lock "$$tmp/requirements.lock"; \
	$(UV) pip compile $(LOCK) --no-header -o "$$tmp/requirements.lock"; \
	diff <(grep -v '^#' requirements.lock) "$$tmp/requirements.lock" || { echo "requirements.lock is stale: run make lock" >&2; exit 1; }

lock: $(UV) ## Write the lock file after a change of the dependencies.
	$(UV) pip compile $(LOCK) --no-header -o requirements.lock

up: venv ## Start a cluster with the operator in .cluster (or CLUSTER_DIR); NODE=1 adds a node.
	$(CLUSTER_TOOL) up

down: venv ## End that cluster, and only what `make up` started.
	$(CLUSTER_TOOL) down

stop-operator: venv ## Stop the operator of that cluster.
	$(CLUSTER_TOOL) stop-operator

start-operator: venv ## Start it again.
	$(CLUSTER_TOOL) start-operator

venv: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml | $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --quiet --compile-bytecode --python $(PY) requirements.lock
	$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	$(PY) -m compileall -q operator
	touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

.PHONY: help demo test test-controllers test-matrix node-packages browser-packages promtool checkov law7 bench-scale bench-admission bench-page corpus unit lint types fmt generate manifests release verify lock up down stop-operator \
  start-operator venv
