# `make help` says what there is. Python 3.11 or newer, make and git are all it needs; uv is used where it is.
.PHONY: help demo install test check lint types contracts format states ci lock clean
.SILENT:
.DEFAULT_GOAL := help

PY := .venv/bin/python
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) --quiet

help:
	echo "make demo       everything on this machine, no account, no key; ONCE=1 stops after the example"
	echo "make install    the program in .venv, for .venv/bin/imgbatch serve"
	echo "make test       the tests; ARGS='tests/intake -k bom' picks some"
	echo "make check      lint, types, import contracts"
	echo "make format     lay the code out"
	echo "make states     draw docs/states.md again"
	echo "make ci         what CI runs"
	echo "make lock       write the hashed requirements again; UPGRADE=1 takes newer versions"
	echo "make clean      take away what the tools left (not your data)"

demo:
	.ci/environment run
	$(PY) -m bot demo $(if $(ONCE),--once) $(ARGS)

install:
	.ci/environment run
	echo "Ready: .venv/bin/imgbatch --help"

test:
	.ci/environment dev
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: lint types contracts

lint:
	.ci/environment dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types:
	.ci/environment dev
	$(PY) -m mypy

contracts:
	.ci/environment dev
	.venv/bin/lint-imports --no-logo

format:
	.ci/environment dev
	$(PY) -m ruff check --fix --quiet .
	$(PY) -m ruff format .

states:
	.ci/environment run
	$(PY) -c 'from storage.states import drawing; print(drawing(), end="")' >docs/states.md

ci:
	.ci/run

lock:
	command -v uv >/dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	$(LOCK) --group build --output-file requirements.txt >/dev/null
	$(LOCK) --extra postgres --extra stores --extra tracing --group build --constraint requirements.txt --output-file requirements-postgres.txt >/dev/null
	$(LOCK) --group dev --constraint requirements-postgres.txt --output-file requirements-dev.txt >/dev/null

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
