"""The journal of a folder in an object store, where nothing can be appended to.

It lies in .koala-journal/ as objects of JSON lines, some for each run, and each written anew, whole, while it grows.
"""

import os
import platform
import re
import time
from pathlib import Path

from koalacli.errors import InputError, NothingMatchedError, OutputError
from koalacli.io.storage import is_remote, list_objects, read_object, write_object
from koalacli.journal import Journal
from koalacli.journal_lines import Entry, parse_line

FOLDER = ".koala-journal"
EVERY = 2.0  # seconds: of pictures, some; a request for each would cost more than it
LONGEST = 2_000_000  # bytes of an object, so that sending it again stays cheap


def open_journal(
    folder: Path | str | None, settings: str, weights: str, *, alone: bool = False, every: float = EVERY
) -> Journal:
    """The journal of an output folder, wherever it lies; None keeps none. See `Journal` and `StoreJournal`."""
    if folder is not None and is_remote(folder):
        return StoreJournal(str(folder), settings, weights, alone=alone, every=every)
    return Journal(None if folder is None else Path(folder), settings, weights, alone=alone)


class StoreJournal(Journal):
    """See `Journal`; it also knows which outputs are there, from one listing rather than a question per output.

    Args:
        url: the output folder.
        every: seconds for which entries gather before they are sent.
    """

    def __init__(self, url: str, settings: str = "", weights: str = "", *, alone: bool = False, every: float = EVERY):
        super().__init__(None, settings, weights, alone=alone)
        self._url, self._every = url.rstrip("/"), every
        self._present: set[str] = set()
        # Time first, so that objects sort as they were begun, and the last line about an output counts.
        host = re.sub(r"[^\w-]", "-", platform.node())
        self._run = f"{time.time_ns():020d}-{host}-{os.getpid()}"
        self._part, self._lines, self._sent, self._clock = 0, bytearray(), 0, time.monotonic()
        self._load_objects()

    def reread(self) -> Journal:
        """The same journal with what other runs have noted since."""
        return StoreJournal(self._url, self.settings, self.weights, alone=self.alone, every=self._every)

    @property
    def is_kept(self) -> bool:
        """Always."""
        return True

    def append(self, entry: Entry) -> str:
        """Keep an entry, and send those that have gathered every few seconds."""
        with self._lock:
            self._lines += entry.as_line().encode() + b"\n"
            if time.monotonic() - self._clock < self._every and len(self._lines) < LONGEST:
                return ""
            return self._once(self._send())

    def close(self) -> str:
        """Send what has gathered."""
        with self._lock:
            return self._once(self._send())

    def _add_line(self, line: str) -> str:
        """At once: what is begun must be known before it is there."""
        with self._lock:
            self._lines += line.encode() + b"\n"
            return self._send()

    def _send(self) -> str:
        """Must be called with the lock held; why it cannot be sent."""
        if len(self._lines) == self._sent:
            return ""
        self._clock = time.monotonic()
        try:
            place = f"{self._url}/{FOLDER}/{self._run}-{self._part:06d}.jsonl"
            write_object(place, bytes(self._lines))
        except OutputError as error:
            return str(error)
        self._sent = len(self._lines)
        if self._sent >= LONGEST:
            self._part, self._lines, self._sent = self._part + 1, bytearray(), 0
        return ""

    def has_output(self, target: str) -> bool:
        """As listed when the journal was opened."""
        return target in self._present

    def _key(self, target: str) -> str:
        return target.removeprefix(f"{self._url}/")

    def _load_objects(self) -> None:
        inside = f"{self._url}/{FOLDER}/"
        parts = []
        try:
            for found in list_objects(f"{self._url}/"):
                if found.place.startswith(inside):
                    parts.append(found.place)
                else:
                    self._present.add(found.place)
        except NothingMatchedError:  # no output yet
            return
        for place in sorted(parts):
            try:
                lines = read_object(place).decode(errors="replace").splitlines()
            except InputError as error:
                raise OutputError(f"{place}: the journal {error}") from error
            self._entries |= {entry.path: entry for line in lines for entry in parse_line(line)}
