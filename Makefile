# Two commands do everything on a fresh machine: `make demo` and `make test`.

VENV := .venv
BIN := $(VENV)/bin
SETUP := setup.cfg pyproject.toml
# The rooms whose tests answer at once.
QUICK := tests/spec tests/design tests/numerics tests/test_architecture.py tests/test_import.py

.PHONY: help demo test quick lint fuzz bench browser calibrate notebooks clean

help:
	@echo "make demo       fit the bundled recording and write report.html"
	@echo "make test       lint, types, import contracts, doctests, tests, notebooks"
	@echo "make quick      lint and the fast tests, for the way people work"
	@echo "make lint       the static checks alone"
	@echo "make fuzz       random models and mutated files: a right answer, or an error of our own"
	@echo "make bench      time bayesglm and its peers side by side; one case: make bench CASE=map-dense"
	@echo "make browser    open reports and the explorer in a headless Chromium; one: make browser REPORT=explorer"
	@echo "make notebooks  run the lessons and store them; one of them: make notebooks NOTEBOOK=03"
	@echo "make calibrate  check posteriors by simulation; one cell: make calibrate CELL=poisson-group-fit"
	@echo "make clean      remove the virtual environment and caches"

demo: $(VENV)/.installed
	@$(BIN)/bayesglm demo --out report.html

# One thread for each of two test processes: more would only wait for one another. What one has
# compiled the others read, also where the shell says that Python is to write no bytecode.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

test: lint
	@$(PYTEST) --doctest-modules

quick: lint
	@$(PYTEST) -m 'not slow' $(QUICK)

lint: $(VENV)/.installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.installed-bench
	@$(BIN)/python -m benchmarks.run $(CASE)

fuzz: $(VENV)/.installed-test
	@$(BIN)/python -m fuzz.run

browser: $(VENV)/.installed-browser
	@OMP_NUM_THREADS=1 $(BIN)/python -m browser.run $(REPORT)

notebooks: $(VENV)/.installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.notebooks $(NOTEBOOK)

calibrate: $(VENV)/.installed
	@$(BIN)/python -m calibration.run $(CELL)

clean:
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(VENV)/.installed: $(SETUP)
	@$(call install,.)

$(VENV)/.installed-test: $(SETUP)
	@$(call install,.[test])
	@touch $(VENV)/.installed

$(VENV)/.installed-bench: $(SETUP)
	@$(call install,.[bench])
	@touch $(VENV)/.installed

$(VENV)/.installed-browser: $(SETUP)
	@$(call install,.[browser])
	@touch $(VENV)/.installed

# Tries each interpreter by running it: a shim may exist and not work.
define install
set -e; found=; \
for python in python3 python3.13 python3.12 python3.14; do \
  if $$python -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 14))' \
    >/dev/null 2>&1; then found=$$python; break; fi; \
done; \
if [ -z "$$found" ]; then \
  echo "bayesglm needs Python 3.12, 3.13 or 3.14: install one of them (with its venv module) and run make again." >&2; \
  exit 1; \
fi; \
if ! $(BIN)/python -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 14))' \
  >/dev/null 2>&1; then \
  echo "making $(VENV) with $$($$found --version)"; rm -rf $(VENV); $$found -m venv $(VENV); \
fi; \
echo "installing $(1) into $(VENV) (a few minutes the first time)"; \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '$(1)'; \
touch $@
endef
