"""The recipe of the container: what a linter says, whose rights it has, which extras it can hold."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RECIPE = (ROOT / "Dockerfile").read_text()


def lint(recipe: str) -> str:
    """What hadolint has to say."""
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("hadolint is not installed")
    done = subprocess.run([program, "--no-color", "-"], input=recipe, capture_output=True, text=True, timeout=60)
    assert bool(done.stdout) == bool(done.returncode), done.stderr
    return done.stdout


def test_a_linter_finds_nothing() -> None:
    """And finds what is wrong where the base has no version and the last user is root."""
    assert lint(RECIPE) == ""
    careless = lint(RECIPE.replace("python:${PYTHON}-slim-bookworm", "python").replace("USER 10001", "USER root"))
    assert {"DL3006", "DL3002"} <= set(re.findall(r"DL\d+", careless))


def test_koala_runs_without_rights() -> None:
    """As a user by number, which orchestrators can check, made before it is taken."""
    last = RECIPE[RECIPE.rindex("\nFROM ") :]
    (user,) = re.findall(r"^USER (\d+)$", last, re.MULTILINE)
    assert int(user) > 0
    assert f"--uid {user}" in last[: last.index("\nUSER ")]


def test_the_extras_that_it_can_hold_are_there() -> None:
    """For processors by default, for GPUs by the build argument that its first lines and the docs name."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pages = RECIPE + (ROOT / "docs" / "scale.md").read_text()
    asked = {name for names in re.findall(r"EXTRAS=([\w,]+)", pages) for name in names.split(",")}
    assert {"gpu", "ray", "s3"} <= asked <= extras.keys()
    assert re.search(r'pip install .*"\.\[\$\{EXTRAS\}\]"', RECIPE)
