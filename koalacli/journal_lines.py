"""Lines of a journal: what became of an output, or which outputs are begun."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from koalacli.kinds import find_wrong_kind

BEGUN = "begun"  # outcome of an output that was not there when it was begun, and the name of a line of such
UNSURE = "unsure"  # outcome of one that may be there without being what was begun, or all of it
OFTEN = ("settings", "weights", "outcome")  # fields of few different values, to be kept once
Stamp = tuple[int, int]  # size in bytes, modification time in nanoseconds


@dataclass(frozen=True)
class Beginning:
    """An output that is begun; the fields are arguments of `Journal.note`.

    Attributes:
        tells: where it is there afterwards, and was not before, it is all that was asked for.
    """

    target: str
    stamp: Stamp
    own: str
    source: str
    tells: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an output: one line, or one name of a line of those that are begun.

    Attributes:
        path: of the output, relative to the journal's folder, with slashes.
        size, mtime: of the input when it was read: bytes, nanoseconds.
        settings: digest of the options that shape an output; behind a plus, of what shapes this one alone.
        weights: digest of the weights.
        outcome: done or failed; begun or unsure where no more is known.
        seconds: from the start of reading to the end of writing.
        reason: why it failed, or a remark.
        alone: it was asked for by its own name, maybe with settings of its own: batches leave it as it is.
        source: path of the input, relative to the journal's folder where that can be, with slashes.
        digest: SHA-256 of the input, hexadecimal; empty where it was not read.
    """

    path: str
    size: int
    mtime: int
    settings: str
    weights: str
    outcome: str
    seconds: float
    reason: str = ""
    alone: bool = False
    source: str = ""
    digest: str = ""

    def as_line(self) -> str:
        """As it stands in the journal."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


def parse_line(line: str) -> list[Entry]:
    """The entries of a line; none for a torn one."""
    try:
        values = json.loads(line)
        for name in OFTEN:
            if name in values:
                values[name] = sys.intern(values[name])
        entries = _begun_in(values) if BEGUN in values else [Entry(**values)]
        for entry in entries:
            if fault := find_wrong_kind(entry):
                raise ValueError(fault)
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return entries


def _begun_in(values: dict[str, Any]) -> list[Entry]:
    entries = []
    for path, size, mtime, own, source, tells in values[BEGUN]:
        settings = f"{values['settings']}+{own}" if own else values["settings"]
        outcome, alone = BEGUN if tells else UNSURE, values["alone"]
        entry = Entry(path, size, mtime, settings, values["weights"], outcome, 0.0, alone=alone, source=source)
        entries.append(entry)
    return entries
