"""Where a film's run stands: finished segments and the state to go on from, in a folder beside the output.

The journal is a file of JSON lines: first the fingerprint of the request, then one line per
segment, written after the segment's own files are on disk. A line torn by a crash is ignored.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from koalacli.errors import OutputError, writing_errors
from koalacli.io.film.encode import PacketEntry
from koalacli.io.film.mux import Segment
from koalacli.io.locks import FolderLock

FORMAT = 1
State = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Joint:
    """Where one segment ends and the next begins.

    Attributes:
        pts: of the next segment's first frame; None after the last segment.
        check: of that frame's luma, see `luma_check`.
        frames: in all segments so far.
        state: arrays to go on from.
    """

    pts: int | None
    check: str
    frames: int
    state: State


@dataclass
class WorkFolder:
    """The work folder of one film; `segments` and `joint` are what an earlier run left.

    A context manager: it belongs to one run at a time. A folder without a finished segment
    vanishes with its run.

    Attributes:
        target: the film that is made; the folder is hidden beside it.
        fingerprint: of everything that the frames depend on; another one starts afresh.
    """

    target: Path
    fingerprint: str
    segments: list[Segment] = field(default_factory=list)
    joint: Joint | None = None
    damage: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where segments and journal are."""
        return self.target.with_name(f".{self.target.name}.koala")

    def __enter__(self) -> Self:
        """Read what is there, or begin anew.

        Raises:
            OutputError: another run is at work here, or the folder cannot be made.
            StorageFullError: there is no room.
        """
        self._lock = FolderLock(self.folder)
        with writing_errors(self.folder):
            if not self._lock.take():
                raise OutputError(
                    f"{self.target}: another run of koala is making it (process {self._lock.holder()}); "
                    "let it finish or end it, or choose another --output"
                )
            try:
                if not self._read():
                    self._lock.clear()
                    self._append({"format": FORMAT, "fingerprint": self.fingerprint}, "wb")
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.segments:
            self.remove()
        self._lock.release()

    @property
    def done(self) -> bool:
        """Whether all segments are there."""
        return self.joint is not None and self.joint.pts is None

    def next_path(self) -> Path:
        """File of the next segment."""
        return self.folder / f"{len(self.segments):06}.packets"

    def add(self, entries: list[PacketEntry], joint: Joint, damage: list[str]) -> None:
        """Note a segment that is complete on disk at `next_path`."""
        path = self.next_path()
        state = path.with_suffix(".npz")
        with state.open("wb") as file:
            np.savez(file, **joint.state)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        line = {
            "entries": [list(asdict(entry).values()) for entry in entries],
            **{"pts": joint.pts, "check": joint.check, "frames": joint.frames, "damage": damage},
        }
        self._append(line, "ab")
        if self.segments:
            self.segments[-1].path.with_suffix(".npz").unlink(missing_ok=True)
        self.segments.append(Segment(path, tuple(entries)))
        self.joint, self.damage = joint, damage

    def remove(self) -> None:
        """Delete the folder: the film is finished, or has not begun."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _append(self, line: dict[str, Any], mode: str) -> None:
        with (self.folder / "journal.jsonl").open(mode) as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> bool:
        """Take over what an earlier run of the same request left; False if there is nothing of use."""
        try:
            lines = (self.folder / "journal.jsonl").read_bytes().split(b"\n")[:-1]  # a torn line has no end
            if not lines or json.loads(lines[0]) != {"format": FORMAT, "fingerprint": self.fingerprint}:
                return False
            for line in map(json.loads, lines[1:]):
                entries = tuple(PacketEntry(*entry) for entry in line["entries"])
                path = self.next_path()
                if path.stat().st_size != sum(entry.size for entry in entries):
                    return False
                self.segments.append(Segment(path, entries))
            if self.segments:
                with np.load(self.segments[-1].path.with_suffix(".npz"), allow_pickle=False) as stored:
                    self.joint = Joint(line["pts"], line["check"], line["frames"], dict(stored))
                self.damage = line["damage"]
        except (OSError, ValueError, KeyError, TypeError):  # not there, or not whole: no use
            self.segments, self.joint, self.damage = [], None, []
            return False
        self._cut_torn_line()
        return True

    def _cut_torn_line(self) -> None:
        with (self.folder / "journal.jsonl").open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


def fingerprint_of(*parts: Any) -> str:
    """A digest of anything with a telling repr."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def luma_check(luma: NDArray[Any]) -> str:
    """A digest of a luma plane, to recognize a frame by."""
    return hashlib.blake2b(np.ascontiguousarray(luma).data, digest_size=12).hexdigest()
