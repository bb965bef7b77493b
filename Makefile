# One command each, from a bare clone: `make demo`, `make test`.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PINS := .ci/constraints.txt
# Other people's AWS IoT, for tests; they need other versions than this package: docs/decisions/0008-aws.md
PEERS := .venv-peers
PEER_PINS := .ci/peers.txt
# npm packages, for tests: real GraphQL clients, a browser's driver, a peer to be measured against.
NODE := tests/compliance tests/browser tests/bench/mercurius

# Tests that execute next to no GraphQL, and those that do: these run once more with compiled execution off.
ADAPTERS := tests/adapters
EXECUTING := tests/browser tests/compliance tests/docs tests/e2e tests/peers tests/unit \
  tests/adapters/test_aws_iot_adapter.py tests/adapters/test_awx_parents.py

.PHONY: install demo test test-adapters test-compiled test-interpreted lint schema clean

$(VENV)/.installed: pyproject.toml $(PINS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "execution-gateway needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(PINS) -e '.[aws]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(PINS) -e '.[dev]'
	touch $@

$(PEERS)/.installed: $(PEER_PINS)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $(PEER_PINS)
	touch $@

# Without npm the tests that need these skip.
%/node_modules/.installed: %/package-lock.json
	if command -v npm > /dev/null; then cd $* && npm ci --no-audit --no-fund --silent && touch node_modules/.installed; fi

install: $(VENV)/.installed

demo: $(VENV)/.installed
	exec $(BIN)/execution-gateway demo --port $(PORT)

# The three can run at once: `make -j2 test`.
test: test-adapters test-compiled test-interpreted

test-adapters: lint
	$(BIN)/python -m pytest $(ADAPTERS)

test-compiled: lint $(PEERS)/.installed $(NODE:%=%/node_modules/.installed)
	$(BIN)/python -m pytest --ignore $(ADAPTERS)

test-interpreted: lint $(PEERS)/.installed $(NODE:%=%/node_modules/.installed)
	EXECUTION_GATEWAY_COMPILE=0 $(BIN)/python -m pytest $(EXECUTING) --ignore tests/unit/execution

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

schema: $(VENV)/.installed
	$(BIN)/execution-gateway schema > schema.graphql
	$(BIN)/python -m tests.docs.reference > docs/reference.md

clean:
	rm -rf $(VENV) $(PEERS) $(NODE:%=%/node_modules) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
