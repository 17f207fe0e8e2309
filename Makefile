# Everything a newcomer or a maker needs; `make help` lists it. Asks for Python 3.11 or newer and nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check bench faults screenshots lock clean

PYTHON_NAMES := python3.14 python3.13 python3.12 python3.11 python3 python
RUN := .venv/bin/python
PIP := $(RUN) -m pip --quiet --disable-pip-version-check --no-input install --root-user-action=ignore
# What was compiled is kept for the next time: the assertions of all tests alone take a quarter of a minute.
unexport PYTHONDONTWRITEBYTECODE
# A directory that is not there: tools import the settings, and must not meet anybody's data.
NO_DATA := env -u DATABASE_URL -u DATABASE_OWNER_URL HOUSECOUNT_HOME=.venv/no-data

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

demo: .venv/.installed ## Everything at once on http://127.0.0.1:8000, with invented platforms and a season of shows
	@exec $(RUN) -m housecount.cli.main demo $(ARGS)

test: .venv/.installed-dev ## All tests (ARGS="tests/core -x" for some); gets a Chromium where there is none
	@case "$(ARGS)" in ""|*browser*) $(RUN) -m tests.browser.chromium >/dev/null || true ;; esac
	@$(RUN) -m pytest -n auto --dist loadgroup $(ARGS)

test-fast: .venv/.installed-dev ## The quick tests, with few examples: under a minute
	@HOUSECOUNT_EXAMPLES=0.05 $(RUN) -m pytest -n auto --dist loadgroup -m "not browser and not slow" $(ARGS)

check: .venv/.installed-dev ## Format, lint, types, floors of the house, migrations, lock files
	@failed=; step() { name=$$1; shift; echo "$$name"; "$$@" || failed="$$failed $$name;"; }; \
	step "Format" $(RUN) -m ruff format --quiet --check --diff .; \
	step "Lint" $(RUN) -m ruff check --quiet .; \
	step "Types" $(NO_DATA) $(RUN) -m mypy --no-error-summary; \
	step "Floors of the house" $(NO_DATA) PYTHONPATH=src $(RUN) -c "from importlinter.cli import lint_imports_command; lint_imports_command()" --no-logo; \
	step "Migrations" $(NO_DATA) $(RUN) -W ignore::RuntimeWarning -m django makemigrations --check --dry-run --settings housecount.settings; \
	step "Lock files" $(RUN) -m pytest tests/installation/test_locks.py; \
	if [ -n "$$failed" ]; then echo "Not in order:$$failed" >&2; exit 1; fi

bench: .venv/.installed-dev ## Benchmarks, as ratios
	@$(RUN) -m bench $(ARGS)

faults: .venv/.installed-dev ## Throw everything at an installation of its own, then at one with books in Xero (N=10 rounds, SEED=another every time)
	@$(RUN) -m tests.faults --all --rounds $(or $(N),10) $(if $(SEED),--seed $(SEED))

screenshots: .venv/.installed-dev ## Pictures of every page in both themes, on a desk and on a phone (TO=directory)
	@PICTURES="$(abspath $(or $(TO),.venv/pictures))" $(RUN) -m pytest tests/browser/pictures.py -n 0 -o timeout=1800
	@echo "They are in $(or $(TO),.venv/pictures)"

lock: ## Write the lock files anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group build --output-file requirements.lock $(LOCK)
	uv pip compile pyproject.toml --group build --group dev --output-file requirements-dev.lock $(LOCK)
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

clean: ## Remove what was made here (the data in HOUSECOUNT_HOME stays)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: requirements.lock pyproject.toml .venv/.made
	@echo "Installing what Housecount needs, every file checked against its hash (about a minute)..."
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: requirements-dev.lock pyproject.toml .venv/.made
	@echo "Installing what the tests need, every file checked against its hash (about a minute)..."
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ .venv/.installed

# Made again when the directory was moved: an environment remembers where it was made.
.venv/.made: $(if $(shell [ "$$(cat .venv/.made 2>/dev/null)" = "$$(pwd)" ] && .venv/bin/python -c '' 2>/dev/null && echo same),,.always)
	@python=; for name in $(PYTHON_NAMES); do \
	  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Housecount needs Python 3.11 or newer, and there is none on this machine's PATH." >&2; \
	  echo "On Debian: apt install python3 python3-venv. On macOS: install it from python.org or with Homebrew." >&2; \
	  exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "Python is here, but not its part that makes virtual environments." >&2; \
	  echo "On Debian: apt install $$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; \
	  exit 1; \
	fi; \
	echo "Making the virtual environment with $$($$python --version)..."; \
	rm -rf .venv && $$python -m venv .venv && pwd > .venv/.made

.PHONY: .always
.always:
