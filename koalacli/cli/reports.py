"""Files that tell of a run as a whole: its records as JSON, as a table or as a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from koalacli.io.texts import as_csv, as_json, versioned, write_text
from koalacli.records import Record


def write_report(path: str, events: Sequence[dict[str, Any]], records: Sequence[Record], begin: float) -> None:
    """Write what the suffix of the path asks for.

    Args:
        path: ends in .json, .csv or .html.
        events: all of the run, in order, the summary last.
        records: those of its inputs.
        begin: where in their sources films begin, seconds.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        write_text(Path(path), as_csv(_table([record.as_event() for record in records])))
    elif suffix == ".html":
        from koalacli.pipelines.gallery import make_gallery

        write_text(Path(path), make_gallery(Path(path).stem, records, begin))
    else:
        write_text(Path(path), as_json([versioned(event) for event in events], indent=1))


def _table(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """A heading and a row per record; a column for all that any of them tells."""
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "event"]
    return [columns, *([row.get(name, "") for name in columns] for row in rows)]
