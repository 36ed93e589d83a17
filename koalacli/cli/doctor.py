"""`koala doctor`."""

from dataclasses import asdict

import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from koalacli.cli.display import JsonFlag
from koalacli.cli.help_page import GroupedCommand
from koalacli.cli.terminal import print_event, print_table

HELP = """Say what koala finds on this machine: versions, devices, weights, formats, extras.

Ends with 1 where something keeps koala from working.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @app.command(cls=GroupedCommand, help=HELP)
    def doctor(json: JsonFlag = False) -> None:
        from koalacli.pipelines.doctor import examine

        findings = list(examine())
        if json:
            print_event({"event": "doctor", "findings": [asdict(finding) for finding in findings]})
        else:
            table = Table(box=SIMPLE, show_header=False)
            for finding in findings:
                table.add_row(finding.name, Text(finding.found, style="red" if finding.wrong else ""))
            print_table(table)
        raise typer.Exit(int(any(finding.wrong for finding in findings)))
