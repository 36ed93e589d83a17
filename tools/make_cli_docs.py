"""Write docs/cli.md from the help of every command; with --check, fail if it is out of date.

python tools/make_cli_docs.py [--check]
"""

import os
import sys
from pathlib import Path

os.environ.update(COLUMNS="100", TERMINAL_WIDTH="100")

from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.cli.help_page import RARE

TARGET = Path(__file__).resolve().parent.parent / "docs" / "cli.md"


def make_page() -> str:
    """The page: one section per command, its help as it is printed."""
    sections = ["# The command line\n\nMade by `tools/make_cli_docs.py` from `--help-all`; edits are overwritten.\n"]
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    for arguments in ([], *([name] for name in names)):
        flag = "--help-all" if arguments and arguments[0] in RARE else "--help"
        shown = CliRunner().invoke(app, [*arguments, flag], prog_name="koala", terminal_width=100)
        title = " ".join(["koala", *arguments])
        lines = "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())
        sections.append(f"## {title}\n\n```text\n{lines}\n```\n")
    return "\n".join(sections)


def main() -> None:
    """Write or check."""
    page = make_page()
    if "--check" not in sys.argv:
        TARGET.write_text(page, "utf-8")
    elif TARGET.read_text("utf-8") != page:
        sys.exit("docs/cli.md is out of date; run python tools/make_cli_docs.py")


if __name__ == "__main__":
    main()
