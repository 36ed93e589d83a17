"""Text that leaves koala: lines, JSON, CSV, pages. Names in it may hold any bytes, and figures may be NaN."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from koalacli.io.files import write_file

# Bytes of a file name that are no UTF-8, which Python holds as lone surrogates, and letters that a terminal does not
# know are written as escapes: \udcff, \xfc.
NOT_ENCODABLE = "backslashreplace"
SCHEMA = (
    1  # of events as JSON, see docs/schema; it grows when a name goes or changes its meaning, not when one is added
)


def one_line(text: str) -> str:
    """Text with its control characters escaped: they must neither steer a terminal nor break a line."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def as_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON in plain ASCII, which every terminal and every reader takes; null stands for NaN and infinity."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def versioned(event: dict[str, Any]) -> dict[str, Any]:
    """An event with the number of the schema that it follows, behind its name."""
    return {"event": event["event"], "schema": SCHEMA, **event}


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV, ended by line feeds."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all.

    Raises:
        StorageFullError, OutputError: as `write_file`.
    """
    write_file(path, text.encode("utf-8", NOT_ENCODABLE))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
