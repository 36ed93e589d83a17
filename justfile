# Chores. `just` runs tests and checks.

default: test lint

test:
    python -m pytest

lint:
    ruff check .
    ruff format --check .
    mypy
    python tools/make_cli_docs.py --check

fix:
    ruff check --fix .
    ruff format .

docs:
    python tools/make_cli_docs.py

bench DATA:
    python benchmarks/speed.py --data {{DATA}}
