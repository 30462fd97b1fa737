# make demo    an environment in .venv, the engine in it, and a first picture
# make test    the same environment, editable, and every test
# make coverage  the same, and the lines and branches that no test takes
# make docs    the site, in build/docs
# make clean   all of it away again

PYTHON ?= python3
PROMPT := a white lighthouse by the sea at dusk
VENV := .venv
# Processes, each with a thread: one more than cores (tests/conftest.py). A few are enough, for each loads torch.
SIDE_BY_SIDE := -n auto --maxprocesses 8 --dist worksteal
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
SOURCES := $(shell find disco conf kernels -type f -not -name '*.pyc')

.PHONY: demo test coverage docs clean

demo: $(VENV)/plain
	$(VENV)/bin/disco "$(PROMPT)"

# Tests start Python many times; each would compile the sources anew where it may not keep what it compiled.
test coverage: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/editable
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE)

coverage: $(VENV)/editable
	$(PIP) install -q pytest-cov
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) --cov --cov-report=term-missing:skip-covered

docs: $(VENV)/editable
	$(VENV)/bin/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo build/docs/index.html

clean:
	rm -rf $(VENV) build *.egg-info docs/settings docs/generated

# A stamp stands for each way of being installed. One replaces the other in the environment, so each takes the
# other's stamp away; a second call finds its own stamp and goes straight to work.
# build/ goes first because setuptools would pack again what it left there, deleted modules included.
$(VENV)/plain: pyproject.toml $(SOURCES) | $(VENV)/bin/python
	rm -f $(VENV)/editable
	rm -rf build
	$(PIP) install .
	touch $@

$(VENV)/editable: pyproject.toml | $(VENV)/bin/python
	rm -f $(VENV)/plain
	$(PIP) install -e ".[test]"
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
