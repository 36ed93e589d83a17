"""The journal: what a folder's runs have done, one JSON line per output, so that a rerun does the rest.

It lies in the output folder. Lines are only ever appended, each in one write, so processes that
share a folder do not spoil each other's; the last line about an output counts. A torn line, left
by a crash, is passed over: the output itself is whole or absent, and that decides then.

An output is put in place before its line is written. A process may be killed in between, so lines before name what is
begun, many outputs each: what is there afterwards and was not before is known to be made in the way that they say.
"""

import errno
import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from koalacli.errors import OutputError, StorageFullError, writing_errors
from koalacli.journal_lines import BEGUN, Beginning, Entry, Stamp, parse_line
from koalacli.records import Outcome

JOURNAL = ".koala-journal.jsonl"
NO_LINKS = getattr(os, "O_NOFOLLOW", 0)  # a link would carry lines out of the folder
AS_IT_IS = getattr(os, "O_BINARY", 0)  # Windows would write other ends of lines
MOST_WAYS = 1000  # to other folders that are kept in mind


class Journal:
    """A folder's journal, open for one run.

    Args:
        folder: the output folder; None keeps no journal, as for the standard streams.
        settings: digest of this run's options, from `digest_settings`.
        weights: digest of this run's weights.
        alone: this run is about one input, given by its own name.

    Raises:
        OutputError: there is something of its name that cannot be read or is no file.
    """

    def __init__(self, folder: Path | None = None, settings: str = "", weights: str = "", *, alone: bool = False):
        self.folder, self.settings, self.weights, self.alone = folder, settings, weights, alone
        self._told = False
        self._lock = threading.Lock()
        self._torn = False
        self._entries: dict[str, Entry] = {}
        self._ways: dict[str, str] = {}  # to other folders: a folder's files share theirs, and there may be millions
        if folder is not None:
            self._load(folder / JOURNAL)

    def reread(self) -> "Journal":
        """The same journal with what other runs have noted since."""
        return Journal(self.folder, self.settings, self.weights, alone=self.alone)

    def refresh(self) -> None:
        """Take in what was noted since, by this run and by others."""
        self._entries = self.reread()._entries

    @property
    def is_kept(self) -> bool:
        """Whether there is a folder to keep it in."""
        return self.folder is not None

    def close(self) -> str:
        """Put down what has not been put down yet; what to tell where that fails."""
        return ""

    def find(self, target: str) -> Entry | None:
        """The last entry about an output, or None."""
        return self._entries.get(self._key(target)) if self.is_kept else None

    def is_current(self, entry: Entry, stamp: Stamp, own: str = "") -> bool:
        """Whether input, options, weights and what is `own` to the picture are still those of an entry."""
        same = (entry.settings, entry.weights) == (self._settings(own), self.weights)
        return same and (entry.size, entry.mtime) == stamp

    def keeps(self, target: str, stamp: Stamp, on_exist: str, own: str = "") -> bool:
        """Whether an output is there and stays: it was made of this input in this way, or not by koala.

        Args:
            target: the output.
            stamp: of the input now.
            on_exist: skip, overwrite or error, see `ColorizeConfig`.
            own: digest of what shapes this output alone, such as hints of its colors.

        Raises:
            OutputError: it is there and must not be, or it can never be there.
        """
        if on_exist == "overwrite":
            return False
        try:
            if not self.has_output(target):
                return False
        except OSError as error:  # such as a name that is too long
            raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
        if on_exist == "error":
            raise OutputError(f"{target}: exists already (--on-exist error)")
        entry = self.find(target)
        if entry is None:
            return True
        if entry.alone and not (self.alone or own) and (entry.size, entry.mtime) == stamp:
            return entry.outcome == Outcome.DONE
        return self.is_current(entry, stamp, own) and entry.outcome in (Outcome.DONE, BEGUN)

    def note(
        self,
        target: str,
        stamp: Stamp,
        outcome: Outcome,
        seconds: float,
        reason: str = "",
        own: str = "",
        source: str = "",
        digest: str = "",
    ) -> str:
        """Append an entry; safe from any thread.

        Returns:
            What to tell where the journal cannot be written, once per run: the output is there all the same, and only
            a rerun will not know how it was made.

        Raises:
            StorageFullError: nothing more can be written.
        """
        if not self.is_kept:
            return ""
        source = self._relative(source) if source else ""
        key, settings, took = self._key(target), self._settings(own), round(seconds, 4)
        entry = Entry(key, *stamp, settings, self.weights, str(outcome), took, reason, self.alone, source, digest)
        return self.append(entry)

    def append(self, entry: Entry) -> str:
        """Append an entry that is made already; as `note`."""
        return self._once(self._add_line(entry.as_line()))

    def begin(self, outputs: Iterable[Beginning]) -> None:
        """Say which outputs are being made. Where that cannot be written, their entries cannot either, and tell it.

        Raises:
            StorageFullError: nothing more can be written.
        """
        if not self.is_kept:
            return
        begun = [
            [
                self._key(one.target),
                *one.stamp,
                one.own,
                self._relative(one.source),
                one.tells and not self.has_output(one.target),
            ]
            for one in outputs
        ]
        line = {BEGUN: begun, "settings": self.settings, "weights": self.weights, "alone": self.alone}
        self._add_line(json.dumps(line))

    def _once(self, trouble: str) -> str:
        first, self._told = not self._told, self._told or bool(trouble)
        return trouble if first else ""

    def _add_line(self, line: str) -> str:
        """Append a line; why it cannot be."""
        if self.folder is None:
            return ""
        with self._lock:
            try:
                with writing_errors(self.folder / JOURNAL):
                    self._append(line + "\n")
            except StorageFullError:
                raise
            except OutputError as error:
                return str(error)
        return ""

    def entries(self) -> list[Entry]:
        """The last entry about each output, in the order of their first ones."""
        return list(self._entries.values())

    def _settings(self, own: str) -> str:
        return f"{self.settings}+{own}" if own else self.settings

    def _append(self, line: str) -> None:
        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        file = os.open(self.folder / JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_LINKS | AS_IT_IS, 0o666)
        try:
            data = (("\n" if self._torn else "") + line).encode()
            self._torn = os.write(file, data) != len(data)
            if self._torn:
                raise OSError(errno.ENOSPC, "the line was cut off")
        finally:
            os.close(file)

    def has_output(self, target: str) -> bool:
        """Whether an output is there."""
        return Path(target).exists()

    def _key(self, target: str) -> str:
        assert self.folder is not None
        above, name = os.path.split(target)
        if above not in self._ways:
            if len(self._ways) > MOST_WAYS:
                self._ways.clear()
            self._ways[above] = Path(os.path.relpath(above or ".", self.folder)).as_posix()
        return f"{self._ways[above]}/{name}".removeprefix("./")

    def _relative(self, source: str) -> str:
        if "://" in source:
            return source
        try:
            return self._key(source)
        except ValueError:  # another drive, on Windows
            return Path(source).absolute().as_posix()

    def _load(self, path: Path) -> None:
        try:
            if not stat.S_ISREG(path.lstat().st_mode):  # a pipe would be waited for, a link leads out of the folder
                raise OutputError(f"{path}: is no file, so it cannot be the journal of this folder; remove it")
            with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
                for line in file:  # of millions, maybe
                    self._torn = not line.endswith("\n")
                    self._entries |= {entry.path: entry for entry in parse_line(line)}
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(f"{path}: the journal cannot be read ({error.strerror or error})") from error


class CarriedJournal(Journal):
    """Gathers what a worker elsewhere notes, for whoever keeps the folder's journal; reads and writes no file."""

    def __init__(self, folder: Path | None, settings: str, weights: str, *, alone: bool = False):
        super().__init__(None, settings, weights, alone=alone)
        self.folder = folder
        self._made: dict[str, Entry] = {}

    def append(self, entry: Entry) -> str:
        """Keep an entry until it is taken."""
        self._made[entry.path] = entry
        return ""

    def take(self, target: str) -> Entry | None:
        """What was noted about an output since it was last asked for."""
        return self._made.pop(self._key(target), None) if self.folder else None


def digest_settings(config: Any) -> str:
    """Digest of the fields of a config dataclass that shape an output: those not marked `shapes=False`."""
    names = [field.name for field in fields(config) if field.metadata.get("shapes", True)]
    shaping = {name: getattr(config, name) for name in names}
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]


def stamp_of(path: str) -> Stamp:
    """Size and modification time of a file; zeros where there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)
