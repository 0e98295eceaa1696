# Every command of the house. `make` alone lists them; each one sets up what it needs first.

PLACE  ?= renqiu
PERIOD ?= 2018H1
# The first Python that is new enough; name another with `make setup PYTHON=...`.
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Idle threads of the linear algebra libraries multiply the CPU time of small matrices four to five times.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

VENV := .venv
BIN  := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# The stamps are named after what they stand for (not dated: a checkout or a restored cache keeps no dates)
# and written last, so a half-made .venv is never taken for a whole one.
LOCKED    := $(VENV)/.locked-$(shell (pwd; cat requirements.lock) | cksum | tr ' ' '-')
INSTALLED := $(LOCKED)-$(shell cksum < pyproject.toml | tr ' ' '-')
SPARK     := $(INSTALLED)-spark-$(shell cksum < requirements.spark.lock | tr ' ' '-')
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
# Kernels that tools start here are forked from a warm parent where that is safe, see fpanalysis/kernels.py.
WARM := JUPYTER_DEFAULT_PROVISIONER_NAME=fpanalysis-warm
# What notebooks show must not depend on releases that happen to lie in outputs/.
FRESH := $(CURDIR)/build/outputs

.DEFAULT_GOAL := help
.PHONY: help setup report test test-slow lab sample notebooks format lock clean

help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED)  ## Make .venv from requirements.lock and install the project into it

$(LOCKED):
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found: make setup PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@

$(INSTALLED): $(LOCKED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@

report: setup  ## Make one report: PLACE=renqiu PERIOD=2018H1
	$(BIN)/fpanalysis run $(PLACE) $(PERIOD)

test: setup  ## Lint, unit tests, then the notebooks against their kept outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
	rm -rf $(FRESH)
	$(if $(NOTEBOOKS),$(WARM) FPANALYSIS_OUTPUTS=$(FRESH) $(BIN)/python -m pytest -p no:cacheprovider --nbval --nbval-current-env \
		--nbval-sanitize-with tests/nbval_sanitize.cfg $(NOTEBOOKS))

# Half a gigabyte that nothing else needs.
$(SPARK): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.spark.lock
	@touch $@

test-slow: $(SPARK)  ## The long checks: simulations, load, crash tests, Spark (needs Java 17)
	$(BIN)/python -m pytest -m slow

# Personal data passes between kernel and browser server: encrypted, also on one machine.
lab: setup  ## Open the notebooks in JupyterLab
	$(WARM) $(BIN)/jupyter lab --notebook-dir notebooks --KernelManager.transport_encryption=auto

# The generator is seeded, so this changes nothing in git unless the generator changed.
sample: setup  ## Make the sample county's raw data anew: PLACE=renqiu
	$(BIN)/fpanalysis sample . --place $(PLACE)

# What is committed is what a fresh kernel gives for the sample county: look at the diff, it is what readers will see change.
notebooks: setup  ## Run the notebooks from the top and keep their outputs
	rm -rf $(FRESH)
	FPANALYSIS_OUTPUTS=$(FRESH) $(BIN)/jupyter nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False \
		--KernelManager.transport_encryption=auto $(NOTEBOOKS)

format: setup  ## Tidy the code and notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Versions stay as they are where they still fit; `make lock UPGRADE=--upgrade` takes the newest.
# Universal: one lock for Linux, macOS and Windows, with the hash of every platform's wheels.
lock:  ## Make requirements.lock anew from pyproject.toml
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/$(notdir $(BIN))/uv pip compile $(UPGRADE) --universal --python-version 3.11 --fork-strategy fewest \
		--generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --extra test --group build pyproject.toml -o requirements.lock --quiet
	rm -rf build/lock

clean:  ## Remove .venv and caches (outputs/ stay)
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
