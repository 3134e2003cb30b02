# `make study`, `make ring` and `make test` set up everything they need in .venv, from nothing but Python, git and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: study ring types test test-slow test-exhaustive docs conformance benchmark operating-characteristics clean

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("ganstudy needs Python 3.11 or newer; say which with: make PYTHON=python3.12 study") if sys.version_info < (3, 11) else None'
	@echo "Setting up .venv (about 7 GB with torch; minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# mypy sees the folders as the sub-packages that they are once installed.
types: $(READY)
	@mkdir -p build/typed/ganstudy
	@cd build/typed/ganstudy && ln -sfn ../../../src/ganstudy/__init__.py __init__.py && \
		for folder in study trials analysis; do ln -sfn ../../../$$folder $$folder; done
	$(BIN)/mypy

study: $(READY)
	@$(BIN)/ganstudy run examples/digits.toml

ring: $(READY)
	@$(BIN)/ganstudy run examples/ring.toml

test: $(READY)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types
	$(BIN)/python -m pytest -n 3 --dist loadfile

test-slow: $(READY)
	$(BIN)/python -m pytest -m '(slow or cluster) and not exhaustive' -n 2 --dist loadfile --timeout 1800

test-exhaustive: $(READY)
	$(BIN)/python -m pytest -m exhaustive --timeout 1800

benchmark: $(READY)
	$(BIN)/python tests/benchmarks/overhead.py
	$(BIN)/python tests/benchmarks/packs.py
	$(BIN)/python tests/benchmarks/lanes.py
	$(BIN)/python tests/benchmarks/report.py --trials 24 1000
	$(BIN)/python tests/benchmarks/importing.py --trials 100 1000
	$(BIN)/python tests/benchmarks/cluster.py
	$(BIN)/python tests/benchmarks/training_function.py
	$(BIN)/python tests/benchmarks/data_memory.py

# Ten minutes of one core for 2,000 studies per row, then hours for whole searches; docs/operating-characteristics.md
# names the seeds.
operating-characteristics: $(READY)
	$(BIN)/python tests/benchmarks/operating_characteristics.py
	$(BIN)/python tests/benchmarks/adaptive_studies.py
	$(BIN)/python tests/benchmarks/fresh_seeds.py
	$(BIN)/python tests/benchmarks/made_claims.py

docs: $(READY)
	$(BIN)/python docs/generate.py

conformance: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --conformance docs/conformance.md

clean:
	rm -rf .venv build *.egg-info
