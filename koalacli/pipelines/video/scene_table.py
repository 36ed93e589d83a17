"""scenes.csv: the scenes of a film as a table, in which people may say that one has the colors of another."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from koalacli.errors import UsageError
from koalacli.io.film.open import parse_time

TABLE = "scenes.csv"
COLUMNS = ("number", "start", "end", "frames", "still", "file", "like")


@dataclass(frozen=True)
class TableRow:
    """A scene as the table has it.

    Attributes:
        still: time of the frame that was written, seconds.
        like: number of the scene whose colors it is to have; None where nobody said so.
    """

    still: Fraction
    like: int | None


def read_table(folder: Path) -> dict[int, TableRow]:
    """The scenes by number, from the table that came with the stills; empty where it is not there.

    Raises:
        UsageError: it cannot be understood.
    """
    path = folder / TABLE
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = {
                int(row["number"]): TableRow(parse_time(row["still"]), int(like) if (like := row.get("like")) else None)
                for row in csv.DictReader(file)
            }
    except (OSError, ValueError, KeyError, TypeError, csv.Error, UsageError) as error:
        raise UsageError(f"{path}: cannot be read as koala's table of scenes ({error})") from error
    for number, row in rows.items():
        if row.like is not None and (row.like not in rows or row.like == number):
            raise UsageError(f"{path}: scene {number} is like {row.like}, and there is no other scene of that number")
    return rows


def table_of(scenes: Iterable[tuple[Any, ...]]) -> bytes:
    """The file, of rows as COLUMNS name them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *scenes])
    return text.getvalue().encode()
