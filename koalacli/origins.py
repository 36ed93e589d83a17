"""Where the values of settings come from: defaults, koala.toml, KOALA_* variables, the command line; the later wins.

A koala.toml holds settings by the names of their flags: for all commands on top, for one under its name, and for
pictures of some folder under a pattern:

    vividness = 0.4

    [colorize]
    quality = 92

    ["phone/**"]
    size = 384
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, replace
from pathlib import Path
from typing import Any

from koalacli.config import (
    ColorizeConfig,
    EvalConfig,
    ExportConfig,
    RevertConfig,
    ReviewConfig,
    VerifyConfig,
    VideoConfig,
)
from koalacli.errors import UsageError
from koalacli.settings import Rule, flag_of
from koalacli.train_config import TrainConfig
from koalacli.try_config import TryConfig
from koalacli.values import did_you_mean, read_text, settings_of, take_value

COMMANDS: dict[str, type[Any]] = {
    "colorize": ColorizeConfig,
    "video": VideoConfig,
    "train": TrainConfig,
    "eval": EvalConfig,
    "try": TryConfig,
    "review": ReviewConfig,
    "verify": VerifyConfig,
    "revert": RevertConfig,
    "export": ExportConfig,
}
FILE = "koala.toml"
NONE = "none"  # as the name of a file: read none
PREFIX = "KOALA_"
OTHER_VARIABLES = ("KOALA_CONFIG", "KOALA_SHARED")  # no settings: which file; photographs for koala's own tests
ALSO_BY_FOLDER = ("weights", "suffix", "name")  # besides what shapes an output


@dataclass(frozen=True)
class Given:
    """A value that is not the default.

    Attributes:
        name: of the setting, as in koala.toml.
        value: as the setting of a command holds it, or as it stands in a file.
        origin: `koala.toml:3`, `KOALA_SIZE` or `--size`.
        section: a command, a pattern, or nothing for all commands.
    """

    name: str
    value: Any
    origin: str
    section: str = ""


def settings_files(asked: str = "") -> list[Path]:
    """The files that are read, the later wins: the user's own, then that of the current folder or the one asked for.

    Args:
        asked: path of a file, `none`, or nothing; see --config.

    Raises:
        UsageError: the one asked for is not there.
    """
    asked = asked or os.environ.get(f"{PREFIX}CONFIG", "")
    if asked == NONE:
        return []
    found: list[Path] = []
    with suppress(RuntimeError):  # nobody's home
        found.append(Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "koala" / FILE)
    if asked and not Path(asked).is_file():
        raise UsageError(f"--config {asked}: no such file; `none` reads none")
    return [path for path in (*found, Path(asked or FILE)) if path.is_file()]


def read_file(path: Path) -> list[Given]:
    """Every value that a koala.toml gives, in its order.

    Raises:
        UsageError: it cannot be read, or a key or value in it is wrong; the message names file and line.
    """
    try:
        text = path.read_text("utf-8")
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, line = str(error).partition(" (at line ")
        raise UsageError(f"{path}:{line.split(',')[0]}: no TOML: {reason}".replace(":: ", ": ")) from error
    except RecursionError as error:
        raise UsageError(f"{path}: no TOML that can be read: lists in lists without end") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({getattr(error, 'strerror', '') or 'no UTF-8'})") from error
    sections = {name: values for name, values in content.items() if isinstance(values, dict)}
    top = {name: value for name, value in content.items() if name not in sections}
    given: list[Given] = []
    for section, values in {"": top, **sections}.items():
        if section and section not in COMMANDS and not re.search(r"[*?\[/]", section):
            hint = did_you_mean(section, COMMANDS)
            where = f"{path}{_line(text, section)}"
            raise UsageError(f'{where}: [{section}] is neither a command nor a pattern such as "phone/**"{hint}')
        for name, value in values.items():
            where = f"{path}{_line(text, section, name)}"
            _check(where, section, name.replace("-", "_"), value)
            given.append(Given(name.replace("-", "_"), value, where, section))
    return given


def read_environment(command: str) -> list[Given]:
    """Values for a command from variables such as KOALA_SIZE; of what may be repeated, with commas between.

    Raises:
        UsageError: a value is wrong, or a variable looks like a mistyped one; the message names it.
    """
    known = {f"{PREFIX}{name.upper()}": name for config in COMMANDS.values() for name in settings_of(config)}
    own = settings_of(COMMANDS[command])
    given: list[Given] = []
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES or not text:
            continue
        name = known.get(variable)
        if name is None and (hint := did_you_mean(variable, known)):
            raise UsageError(f"{variable}: no such setting{hint}")
        if name in own:
            try:
                given.append(Given(name, read_text(own[name], text), variable))
            except ValueError as error:
                raise UsageError(f"{variable}={text}: {error}") from error
    return given


def values_given(command: str, asked: str = "") -> list[Given]:
    """What files and variables say for a command, in the order in which the later wins; by pattern, too.

    Raises:
        UsageError: as `read_file` and `read_environment`.
    """
    given = [one for path in settings_files(asked) for one in _for_command(read_file(path), command)]
    return given + read_environment(command)


def make_config(command: str, flags: Mapping[str, Any], typed: Iterable[str], asked: str = "") -> Any:
    """The settings of a command.

    Args:
        command: key of COMMANDS.
        flags: a value for every field: as typed, or its default.
        typed: the fields that were typed; they win over everything.
        asked: see `settings_files`.

    Raises:
        UsageError: as `values_given`, or two settings contradict each other.
    """
    config, typed = COMMANDS[command], set(typed)
    fields = {name: known.name for name, known in settings_of(config).items()}
    values = dict(flags)
    rules: dict[str, dict[str, Any]] = {}
    for one in values_given(command, asked):
        if fields[one.name] in typed:
            continue
        if not is_pattern(one.section):
            values[fields[one.name]] = one.value
            if one.origin.startswith(PREFIX):  # wins over files, by pattern or not
                for held in rules.values():
                    held.pop(fields[one.name], None)
        else:
            rules.setdefault(one.section, {})[fields[one.name]] = one.value
    if rules:
        values["rules"] = tuple(Rule(pattern, tuple(held.items())) for pattern, held in rules.items() if held)
    return config(**values)


def _for_command(given: list[Given], command: str) -> list[Given]:
    """Of a file's values those that concern a command: those for all first, those by pattern last."""
    own = settings_of(COMMANDS[command])
    sections = ["", command, *(one.section for one in given if is_pattern(one.section) and command == "colorize")]
    ordered = [one for section in dict.fromkeys(sections) for one in given if one.section == section]
    return [replace(one, value=take_value(own[one.name], one.value)) for one in ordered if one.name in own]


def is_pattern(section: str) -> bool:
    """Whether a section of a file is for some pictures, by pattern."""
    return section not in ("", *COMMANDS)


def _check(where: str, section: str, name: str, value: Any) -> None:
    """Refuse a value of a file that some command that has such a setting cannot take."""
    known = _settings_in(section)
    if name not in known:
        raise UsageError(f"{where}: {name}: {_why_not(section, name)}{did_you_mean(name, known)}")
    for command, field in known[name]:
        try:
            take_value(field, value)
        except ValueError as error:
            place = f" (`koala {command}`; [{command}] holds settings for one command)" if not section else ""
            raise UsageError(f"{where}: {name} = {value!r}: {error}{place}") from error


def _settings_in(section: str) -> dict[str, list[tuple[str, Field[Any]]]]:
    """What may stand in a section, with the commands that take it."""
    found: dict[str, list[tuple[str, Field[Any]]]] = {}
    for command in [section] if section in COMMANDS else ["colorize"] if section else list(COMMANDS):
        for name, field in settings_of(COMMANDS[command]).items():
            if not is_pattern(section) or field.metadata.get("shapes", True) or name in ALSO_BY_FOLDER:
                found.setdefault(name, []).append((command, field))
    return found


def _why_not(section: str, name: str) -> str:
    if is_pattern(section) and (field := settings_of(ColorizeConfig).get(name)):
        return f"{flag_of(field)} is for the whole run, not for some of its pictures"
    others = [command for command, config in COMMANDS.items() if name in settings_of(config)]
    if others and section:
        return f"no setting of `koala {section}`, but of {', '.join(others)}"
    return "no such setting"


def _line(text: str, section: str, name: str = "") -> str:
    """`:3` for the line of a key, or of its section's head where no name is given; nothing where it is not found."""
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*(.+?)\s*\]\s*(#.*)?$", line):
            inside = head[1].strip("\"'")
            if not name and inside == section:
                return f":{number}"
        elif name and inside == section and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return f":{number}"
    return ""
