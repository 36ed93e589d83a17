"""Whether the values of a dataclass are what its fields say: what comes from a file can hold anything."""

from dataclasses import fields
from functools import cache
from math import isfinite
from numbers import Integral, Real
from typing import Any, cast


def find_wrong_kind(made: Any) -> str:
    """The first field of a dataclass instance whose value is not of its kind, in words; empty if all are.

    float takes every finite number, int whole ones, and everything else just what its annotation says.
    """
    for name, kind in _kinds_of(cast(Any, type(made))):
        value = getattr(made, name)
        if type(value) is kind and kind is not float:
            continue
        fits = isinstance(value, {int: Integral, float: Real}.get(kind, kind))
        fits = fits and (kind is bool or not isinstance(value, bool))
        if not fits or (isinstance(value, float) and not isfinite(value)):
            return f"{name} is {value!r}"
    return ""


@cache
def _kinds_of(made: type) -> list[tuple[str, Any]]:
    """Names and annotations of a dataclass' fields; journals have millions of lines."""
    return [(known.name, cast(Any, known.type)) for known in fields(made)]
