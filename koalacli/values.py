"""Values of settings that are given elsewhere than on the command line: their names, kinds, choices and ranges.

All of it is read off the fields of a command's settings, as its flags are; see `settings.setting`.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, TypeVar, get_args

from koalacli.errors import UsageError
from koalacli.settings import flag_of, is_out_of_range, range_in_words

Made = TypeVar("Made")


def name_of(known: Field[Any]) -> str:
    """What a setting is called where it is no flag: `encoder_preset` for --encoder-preset."""
    return flag_of(known).removeprefix("--").replace("-", "_")


def settings_of(config: type[Any]) -> dict[str, Field[Any]]:
    """The settings of a command, by name."""
    return {name_of(known): known for known in fields(config) if known.metadata.get("flag", True)}


def choices_of(known: Field[Any]) -> tuple[str, ...]:
    """The words that a setting can be; none where it takes others."""
    choices = known.metadata.get("choices", ())
    return tuple(choices() if callable(choices) else choices)


def words_for(known: Field[Any]) -> str:
    """What a setting takes, in words."""
    if choices := choices_of(known):
        return f"one of {', '.join(choices)}"
    if known.metadata.get("repeat"):
        return "a text, or a list of texts"
    if _kind_of(known) is bool:
        return "true or false"
    return "a text" if _kind_of(known) is str and "form" not in known.metadata else range_in_words(known)


def take_value(known: Field[Any], value: Any) -> Any:
    """A value as its setting holds it: a path becomes a text, one text a list of one, a whole number a float.

    Raises:
        ValueError: it is of another kind, none of the choices, or out of range.
    """
    kind = _kind_of(known)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    taken: Any = value
    if value is None:
        fits = known.default is None
    elif known.metadata.get("repeat"):
        taken = tuple(map(_as_text, value if isinstance(value, list | tuple) else [value]))
        fits = all(isinstance(one, str) for one in taken)
    elif kind is str:
        taken = str(value) if is_number else _as_text(value)
        fits = isinstance(taken, str)
    elif kind is float:
        taken = float(value) if is_number else value
        fits = is_number
    else:
        fits = isinstance(value, kind) and (kind is bool or is_number)
    if choices := choices_of(known):
        fits = fits and (taken is None or taken in choices)
    if not fits or is_out_of_range(known, taken):
        raise ValueError(f"give {words_for(known)}")
    return taken


TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def read_text(known: Field[Any], text: str) -> Any:
    """A value from a text, as in an environment variable; of what may be repeated, with commas between.

    Raises:
        ValueError: as `take_value`.
    """
    kind, value = _kind_of(known), text.strip()
    if known.metadata.get("repeat"):
        return take_value(known, [part.strip() for part in value.split(",")])
    if kind is bool:
        truth = value.lower() in TRUE
        return take_value(known, truth if value.lower() in (*TRUE, *FALSE) else value)
    try:
        return take_value(known, value if kind is str else kind(value))
    except ValueError as error:
        raise ValueError(f"give {words_for(known)}") from error


def make_settings(config: type[Made], given: Mapping[str, Any]) -> Made:
    """Settings of a command from values by name.

    Raises:
        UsageError: there is no such setting, or a value is none of it; the message names it.
    """
    known = settings_of(config)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{name}: no such setting{did_you_mean(name, known)}")
        try:
            values[known[name].name] = take_value(known[name], value)
        except ValueError as error:
            raise UsageError(f"{name} = {value!r}: {error}") from error
    return config(**values)


def did_you_mean(name: str, known: Mapping[str, Any]) -> str:
    """A hint behind a name that is not known; empty where none is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def _kind_of(known: Field[Any]) -> Any:
    """The type of a setting, where it may be None that besides it."""
    kinds = [kind for kind in get_args(known.type) if kind is not type(None)]
    return kinds[0] if kinds and not known.metadata.get("repeat") else known.type


def _as_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value
