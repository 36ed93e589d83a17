"""Whether the values of a dataclass are what its fields say: what comes from a file can hold anything."""

from dataclasses import fields
from math import isfinite
from numbers import Integral, Real
from typing import Any, cast


def find_wrong_kind(made: Any) -> str:
    """The first field of a dataclass instance whose value is not of its kind, in words; empty if all are.

    float takes every finite number, int whole ones, and everything else just what its annotation says.
    """
    for known in fields(made):
        value, kind = getattr(made, known.name), cast(Any, known.type)
        fits = isinstance(value, {int: Integral, float: Real}.get(kind, kind))
        fits = fits and (kind is bool or not isinstance(value, bool))
        if not fits or (isinstance(value, float) and not isfinite(value)):
            return f"{known.name} is {value!r}"
    return ""
