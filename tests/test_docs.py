"""Docs that cannot drift from the program."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from koalacli.cli.app import EXIT_CODES, app
from koalacli.model.weights import shipped_weights

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_cli_page_is_what_help_prints() -> None:
    """docs/cli.md is made from the help of every command and is up to date."""
    done = subprocess.run(
        [sys.executable, "tools/make_cli_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    """The test command of the README stands in .ci/run word for word."""
    commands = [line for line in README.splitlines() if line.endswith("-m pytest")]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text("utf-8")


def test_every_command_is_documented() -> None:
    """Each command has help and a place in the README."""
    for command in app.registered_commands:
        assert command.help
        assert f"koala {command.name or command.callback.__name__}" in README


def test_every_exit_code_is_documented() -> None:
    """The table of docs/pictures.md lists each code that the program can end with."""
    page = (ROOT / "docs" / "pictures.md").read_text("utf-8")
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert table == {0, 130, *EXIT_CODES.values()}


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture in a page exists."""
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_every_benchmark_says_its_protocol() -> None:
    """benchmarks/README.md has a paragraph and a command for each file there, and for nothing else."""
    page = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    files = {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    assert set(re.findall(r"^### (\S+)$", page, re.MULTILINE)) == files
    assert set(re.findall(r"^\$ python benchmarks/(\S+)", page, re.MULTILINE)) == files


def test_every_shipped_weights_file_has_a_card() -> None:
    """Weights come with a card that names data and terms."""
    for name, path in shipped_weights().items():
        card = (path.parent / f"{name}.md").read_text("utf-8")
        assert "terms" in card
        assert "Known failures" in card


def test_the_map_names_every_room() -> None:
    """docs/architecture.md draws each module and package of the house."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    drawn = set(re.findall(r"\w+", page[: page.index("## Who imports whom")]))
    modules = (ROOT / "koalacli").rglob("*.py")
    names = {part for path in modules for part in path.relative_to(ROOT / "koalacli").with_suffix("").parts}
    assert names - drawn - {"__init__", "__main__"} == set()
