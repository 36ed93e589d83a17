"""Help that can be read: examples that hold, every option in a group, rare ones under --help-all."""

import shlex
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.cli.help_page import COMMON, EXAMPLES, GROUPS, RARE

COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
run = CliRunner().invoke


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_in_one_group(name: str) -> None:
    """No option is left over, and none stands twice."""
    grouped = [option for names in GROUPS.get(name, COMMON).values() for option in names]
    assert len(grouped) == len(set(grouped))
    shown = run(app, [name, "--help-all" if name in RARE else "--help"], terminal_width=100)
    assert shown.exit_code == 0
    assert "Other:" not in shown.stdout


@pytest.mark.parametrize("command", [line for examples in EXAMPLES.values() for line, _ in examples])
def test_examples_are_understood(command: str) -> None:
    """What stands on top of the help has only commands and options that exist."""
    _, name, *words = shlex.split(command)
    context = COMMANDS[name].make_context(name, words)
    assert context.command.name == name


@pytest.mark.parametrize("name", RARE)
def test_rare_options_are_shown_on_request_alone(name: str) -> None:
    """--help is shorter by what --help-all shows."""
    short, whole = (run(app, [name, flag], terminal_width=100).stdout for flag in ("--help", "--help-all"))
    rare = [f"--{option.replace('_', '-')} " for option in RARE[name] if option != "cache_embeddings"]
    assert not [flag for flag in rare if f"  {flag}" in short]
    assert not [flag for flag in rare if f"  {flag}" not in whole]
    assert "--help-all shows them" in short


def test_commands_stand_in_the_order_of_use() -> None:
    """What people do first stands first, and each has its whole first sentence."""
    assert list(COMMANDS)[:4] == ["colorize", "video", "train", "eval"]
    shown = run(app, ["--help"], terminal_width=80).stdout
    assert "..." not in shown.partition("Commands:")[2]


def test_help_loads_nothing_that_works() -> None:
    """Neither networks nor clusters, stores, films or arrays: it is there at once."""
    code = (
        "import sys; from koalacli.cli.app import main; sys.argv = ['koala', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'tensorflow', 'keras', 'numpy', 'cv2', 'av', 'PIL', 'ray', 'fsspec', 's3fs'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr
