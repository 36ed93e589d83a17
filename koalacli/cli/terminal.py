"""Where the command line's words go: events and tables to standard output, lines to standard error."""

import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table

from koalacli.cli.log import log
from koalacli.errors import writing_errors
from koalacli.io.texts import as_json, one_line, versioned

STDOUT = "standard output"


def print_event(event: dict[str, Any]) -> None:
    """One JSON object per line on standard output.

    Raises:
        OutputError: it is closed or full.
    """
    with writing_errors(STDOUT):
        sys.stdout.write(as_json(versioned(event)) + "\n")
        sys.stdout.flush()


def print_text(text: str) -> None:
    """Lines on standard output; errors as `print_event`."""
    with writing_errors(STDOUT):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def print_table(table: Table) -> None:
    """A table on standard output; errors as `print_event`."""
    with writing_errors(STDOUT):
        Console().print(table)


def say(text: str) -> None:
    """A line on standard error, if that is still there: its terminal may have been closed; and in the log."""
    log(text)
    with suppress(OSError):
        sys.stderr.write(one_line(text) + "\n")
