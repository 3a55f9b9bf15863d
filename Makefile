# nbdl: everything a person or CI runs. Every target makes what it needs in .venv and says so.
#
#   make demo     set up, execute the first demo notebooks, open JupyterLab (HEADLESS=1: do not serve)
#   make setup    only the set-up of `make demo`
#   make dev      the set-up with everything that tests, lint and docs need
#   make test     lint, types, floors, js, Python, notebooks, browser; one summary at the end
#   make lint     ruff, mypy, import-linter, tsc
#   make judge    the comparisons with PyTorch and ONNX alone, and the array API's own tests where
#                 ARRAY_API_TESTS=/path names a checkout of github.com/data-apis/array-api-tests
#   make docs     the documentation into site/ (warnings are errors)
#   make build    wheel and sdist into dist/
#
# PYTHON=/path/to/python chooses the interpreter (else 3.11, 3.12 or 3.13 is looked for).

SHELL := /bin/bash
PYTHON_OF_VENV := .venv/bin/python
SETUP = python=$$(PYTHON="$(PYTHON)" scripts/find-python.sh) && "$$python" scripts/setup.py

.PHONY: help setup dev demo test lint judge docs build clean

help:
	@sed -n '/^#   make/s/^#   //p' Makefile

setup:
	@$(SETUP) demo

dev:
	@$(SETUP) dev

demo: setup
	@$(PYTHON_OF_VENV) scripts/demo.py $(if $(HEADLESS),--headless)

test: dev
	@$(PYTHON_OF_VENV) scripts/check.py

lint: dev
	@$(PYTHON_OF_VENV) scripts/check.py ruff mypy floors tsc

judge: dev
	@$(PYTHON_OF_VENV) scripts/check.py judge array-api

docs: dev
	@NO_MKDOCS_2_WARNING=1 $(PYTHON_OF_VENV) -m mkdocs build --strict --quiet && echo "[docs] written to site/index.html"

build: dev
	@$(PYTHON_OF_VENV) -m build --no-isolation --outdir dist . >.venv/logs/build.log 2>&1 \
	  || { cat .venv/logs/build.log; exit 1; }
	@ls -1 dist

clean:
	rm -rf .venv .venv.lock js/node_modules nbdl/widgets/static build dist site .demo
