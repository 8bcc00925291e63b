# Two commands on a fresh machine: `make demo` shows the library at work, `make test` proves it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test golden bench clean

demo: $(VENV)/stamp-examples
	@echo "== first process"
	@$(BIN)/python examples/control/run.py
	@echo
	@echo "== second process"
	@$(BIN)/python examples/control/run.py

# A test process that dies ends the run and names its test: with another in its place, the rest might never be given out.
test: $(VENV)/stamp-test
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --max-worker-restart 0

# Digests must not depend on the Python: every one that is found gets an environment and makes them again.
golden: $(VENV)/stamp-test
	$(BIN)/python tests/every_python.py

bench: $(VENV)/stamp-bench
	$(BIN)/python benchmarks/against_peers.py
	$(BIN)/python benchmarks/identity.py

# The package is installed in place: only another pyproject.toml asks for another installation.
$(VENV)/stamp-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sweepable needs Python 3.11 or later, and \
	$(PYTHON) is " + sys.version.split()[0] + ": say make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .venv-* examples/*/.sweepable examples/*/*.png
