"""`koala config`."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from koalacli.cli.display import JsonFlag
from koalacli.cli.help_page import GroupedCommand
from koalacli.cli.options import CONFIG_HELP
from koalacli.cli.terminal import print_event, print_table, say
from koalacli.errors import UsageError
from koalacli.io.texts import one_line
from koalacli.origins import COMMANDS, FILE, is_pattern, read_file, settings_files, values_given
from koalacli.values import did_you_mean, settings_of

HELP = """Tell each setting in force and where it comes from: koala.toml, a KOALA_* variable, or the default.

With the name of a command all its settings, without it those that are not the defaults.
"""


@dataclass(frozen=True)
class Line:
    """One setting in force."""

    command: str
    setting: str
    value: Any
    origin: str
    folders: str = ""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @app.command(cls=GroupedCommand, help=HELP)
    def config(
        command: Annotated[str, typer.Argument(metavar="[COMMAND]", help=f"{', '.join(COMMANDS)}.")] = "",
        config_file: Annotated[str, typer.Option("--config", metavar="FILE", help=CONFIG_HELP)] = "",
        json: JsonFlag = False,
    ) -> None:
        if command and command not in COMMANDS:
            raise UsageError(f"{command}: no command with settings{did_you_mean(command, COMMANDS)}")
        files = settings_files(config_file)
        for path in files:
            read_file(path)  # what is wrong in it concerns every command
        lines = [line for name in ([command] if command else COMMANDS) for line in in_force(name, config_file)]
        shown = [line for line in lines if command or line.origin != "default"]
        if json:
            values = [vars(line) for line in shown]
            print_event({"event": "config", "files": [str(path) for path in files], "settings": values})
            return
        say(f"read: {', '.join(map(str, files)) or f'no {FILE}'}")
        if shown:
            print_table(_table(shown if command else _joined(shown), named=not command))
        elif not command:
            say("all settings are the defaults; koala config COMMAND lists them")


def in_force(command: str, asked: str = "") -> list[Line]:
    """Every setting of a command, then those for some folders."""
    given = values_given(command, asked)
    for_all = {one.name: one for one in given if not is_pattern(one.section)}
    lines = [
        Line(command, name, for_all[name].value, for_all[name].origin)
        if name in for_all
        else Line(command, name, known.default, "default")
        for name, known in settings_of(COMMANDS[command]).items()
    ]
    by_folder = {(one.section, one.name): one for one in given if is_pattern(one.section)}
    return lines + [Line(command, one.name, one.value, one.origin, one.section) for one in by_folder.values()]


def _joined(lines: list[Line]) -> list[Line]:
    """What several commands have from one place, in one line."""
    known: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        known.setdefault((line.setting, line.origin, line.folders), []).append(line)
    return [replace(same[0], command=", ".join(line.command for line in same)) for same in known.values()]


def _table(lines: list[Line], *, named: bool) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("command",) * named + ("setting", "value", "from"):
        table.add_column(heading)
    for line in lines:
        cells = (line.command,) * named + (line.setting, _told(line.value), _place(line))
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    return table


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    return "-" if value in ("", None) else str(value)


def _place(line: Line) -> str:
    return f'{line.origin} for "{line.folders}"' if line.folders else line.origin
