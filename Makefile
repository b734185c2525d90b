# Each target does its own set-up in .venv, once; it needs Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test test-long test-slurm lock notebook schema

demo: $(BIN)/ready
	@scaletrace demo

test: $(BIN)/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow rules
	lint-imports
	basedpyright
	snakemake --lint --configfile config/tiny.yaml
	OMP_NUM_THREADS=1 pytest -n 2 --dist worksteal

# What is too long for every day: all hostile inputs, and a record killed and starved of space.
test-long: $(BIN)/ready
	OMP_NUM_THREADS=1 pytest -m long -n 2 --dist worksteal

# The profile and its faults on a real SLURM, in clusters of their own that end with the tests.
test-slurm: $(BIN)/ready
	@tests/slurm/cluster installed
	OMP_NUM_THREADS=1 pytest -m slurm -v tests/slurm/test_study.py
	OMP_NUM_THREADS=1 pytest -m slurm -v -n 3 --dist loadfile tests/slurm \
		--ignore tests/slurm/test_study.py

$(BIN)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version)'
	@echo "setting up .venv: $$(grep -c == requirements.lock) packages, a few minutes the first time"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Resolve the dependencies of pyproject.toml anew; requirements.lock is the only list of pins.
lock:
	rm -rf .venv-lock build
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade setuptools
	.venv-lock/bin/python -m pip install --quiet '.[tables,workflow,test]'
	.venv-lock/bin/python -m pip freeze --all --exclude pip --exclude scaletrace \
		| sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv-lock build

# Run the library's notebook and store what its cells show.
notebook: $(BIN)/ready
	python docs/run_notebook.py docs/library.ipynb

schema: $(BIN)/ready
	python -m scaletrace.study.schema
