# Two commands: `make run` and `make test` do all the set-up on a fresh machine.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: run demo test check coverage bench lock messages clean

run: .venv/run.done
	$(BIN)/tributary run

demo: .venv/run.done
	$(BIN)/tributary demo

test: .venv/dev.done
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: .venv/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

coverage: .venv/dev.done
	rm -f .coverage*
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

# DATA=FOLDER scores stories on labelled files too, see docs/benchmarks.md.
bench: .venv/dev.done
	$(BIN)/python bench/run.py
	$(BIN)/python -m bench.freshness
	$(BIN)/python -m bench.stories score $(if $(DATA),--data $(DATA))
	$(BIN)/python -m bench.stories speed
	$(BIN)/python -m bench.serving
	$(BIN)/python -m bench.hub
	$(BIN)/python -m bench.crashes
	$(BIN)/python -m bench.pages fill
	$(BIN)/python -m bench.pages fill --items 100000
	$(BIN)/python -m bench.scale
	$(BIN)/python -m bench.pages

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run.done: requirements/run.txt setup.cfg | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q aggregator web scheduler.py
	touch $@

.venv/dev.done: requirements/dev.txt .venv/run.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

# Writes both locks anew from setup.cfg, for every platform and Python from 3.11 on (needs uv).
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header setup.cfg requirements/run.in -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements/bench.in -o requirements/bench.txt

# What says something to the people who use the pages: errors do so too.
SAYING = -k lazy_gettext -k DeskError -k ConfigError -k HidingError -k PinError -k TooOftenError -k AddressError

# Takes new texts of the pages into the French catalogue, then compiles it; the texts are translated by hand.
messages: .venv/dev.done
	mkdir -p build
	$(BIN)/pybabel extract -F babel.cfg $(SAYING) --no-location --sort-output --width 110 -o build/messages.pot web aggregator/stories/why.py aggregator/rules.py aggregator/desk aggregator/opml aggregator/store
	$(BIN)/pybabel update --no-fuzzy-matching --ignore-obsolete --width 110 -i build/messages.pot -d web/translations
	$(BIN)/pybabel compile -d web/translations

clean:
	rm -rf .venv build dist *.egg-info bench/.venv bench/results
