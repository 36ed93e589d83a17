"""Where a film's run stands: finished segments and the state to go on from, in a folder beside the output.

Every setting has work of its own, in a folder by its digest, so that another request never costs
what is finished. The journal is a file of sealed lines: first the fingerprint of all that the frames
depend on, then one line per segment, written after the segment's own files are on disk. Lines and
files that do not fit their digests, after a crash or by a failing disk, are made again.
"""

import hashlib
import json
import os
import re
from contextlib import suppress
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

FORMAT = 3
JOURNAL = "journal.jsonl"
OWN_NAMES = re.compile(r"\d{6}(\.[0-9a-f]{8})?\.(packets|npz)|film\.\w+|journal\.jsonl")  # nothing else is ever deleted
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
    """The work on one film with one set of settings; `segments` and `joint` are what an earlier run left.

    A context manager: all work on an output belongs to one run at a time. Work without a finished
    segment vanishes with its run. Only files that koala made are deleted.

    Attributes:
        target: the film that is made; the folder is hidden beside it.
        settings: digest of the request, names the work.
        fingerprint: of everything that the frames depend on; with another one, the work begins anew.
        remarks: what is to be said of earlier work.
    """

    target: Path
    settings: str
    fingerprint: str
    segments: list[Segment] = field(default_factory=list)
    joint: Joint | None = None
    damage: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Where all work on the target is, and its lock."""
        return self.target.with_name(f".{self.target.name}.koala")

    @property
    def folder(self) -> Path:
        """Where segments and journal of these settings are."""
        return self.home / self.settings

    def __enter__(self) -> Self:
        """Read what is there, or begin anew.

        Raises:
            OutputError: another run is at work here, the folder cannot be made, or is none of koala's.
            StorageFullError: there is no room.
        """
        self._refuse_strangers(self.home)
        self._lock = FolderLock(self.home)
        with writing_errors(self.home):
            if not self._lock.take():
                raise OutputError(
                    f"{self.target}: another run of koala is making it (process {self._lock.holder()}); "
                    "let it finish or end it, or choose another --output"
                )
            try:
                self._refuse_strangers(self.folder)
                self.folder.mkdir(exist_ok=True)
                self._read()
                if not self.segments:
                    self._begin()
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

    def others(self) -> list[Path]:
        """Unfinished work on the same target with other settings."""
        found = self.home.iterdir() if self.home.is_dir() else iter(())
        return sorted(path for path in found if path != self.folder and (path / JOURNAL).is_file())

    def add(self, entries: list[PacketEntry], joint: Joint, damage: list[str]) -> None:
        """Note a segment that is complete on disk at `next_path`."""
        path = self.next_path()
        state = path.with_suffix(".npz")
        with state.open("xb") as file:
            np.savez(file, **joint.state)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        line = {
            "entries": [list(asdict(entry).values()) for entry in entries],
            **{"pts": joint.pts, "check": joint.check, "frames": joint.frames, "damage": damage},
            **{"packets": digest_of(path), "state": digest_of(state)},
        }
        self._append(line)
        self.segments.append(Segment(path, tuple(entries)))
        self.joint, self.damage = joint, damage

    def remove(self) -> None:
        """Delete this work: the film is finished, or has not begun."""
        with suppress(OSError):  # what cannot be deleted stays, and harms nobody
            self._clear()
            self.folder.rmdir()
        self._lock.remove()

    def _refuse_strangers(self, folder: Path) -> None:
        """A link may lead to what is precious, and so may a folder that somebody else has filled."""
        names = [path for path in folder.iterdir() if OWN_NAMES.fullmatch(path.name)] if folder.is_dir() else []
        links = [path for path in (folder, *names) if path.is_symlink()]
        if links:
            raise OutputError(f"{links[0]}: is a link, and koala works in folders of its own; remove the link")
        if names and not (folder / JOURNAL).is_file():
            raise OutputError(f"{names[0]}: was not made by koala, and is in its way; move it elsewhere")

    def _clear(self, after: int = 0) -> None:
        """Delete koala's own files, those of the first segments excepted; the journal last."""
        own = [path for path in self.folder.iterdir() if OWN_NAMES.fullmatch(path.name)]
        for path in sorted(own, key=lambda path: path.name == JOURNAL):
            if not after or (path.name != JOURNAL and not path.stem < f"{after:06}"):
                path.unlink()

    def _begin(self) -> None:
        self._clear()
        self._append({"format": FORMAT, "fingerprint": self.fingerprint})

    def _append(self, line: dict[str, Any]) -> None:
        with (self.folder / JOURNAL).open("ab") as file:
            file.write(sealed(line))
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> None:
        """Take over what an earlier run of the same request left whole."""
        try:
            lines = (self.folder / JOURNAL).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        if not lines or unsealed(lines[0]) != {"format": FORMAT, "fingerprint": self.fingerprint}:
            return
        length = len(lines[0])
        for line in lines[1:]:
            if not self._take(unsealed(line)):
                place = f"from segment {len(self.segments) + 1} of {len(lines) - 1} on"
                self.remarks.append(f"earlier work was damaged {place}, and has been made again")
                break
            length += len(line)
        if self.segments:
            with (self.folder / JOURNAL).open("rb+") as file:
                file.truncate(length)
            self._clear(after=len(self.segments))

    def _take(self, line: dict[str, Any] | None) -> bool:
        """Take over one segment; False if it, or its line, is damaged."""
        path = self.next_path()
        state = path.with_suffix(".npz")
        try:
            if line is None or (digest_of(path), digest_of(state)) != (line["packets"], line["state"]):
                return False
            with np.load(state, allow_pickle=False) as stored:
                self.joint = Joint(line["pts"], line["check"], line["frames"], dict(stored))
        except OSError:
            return False
        self.segments.append(Segment(path, tuple(PacketEntry(*entry) for entry in line["entries"])))
        self.damage = line["damage"]
        return True


def sealed(line: dict[str, Any]) -> bytes:
    """A line of the journal behind its own digest."""
    text = json.dumps(line).encode()
    return hashlib.blake2b(text, digest_size=12).hexdigest().encode() + b" " + text + b"\n"


def unsealed(data: bytes) -> dict[str, Any] | None:
    """The content of a line, or None where it does not fit its digest."""
    digest, _, text = data.removesuffix(b"\n").partition(b" ")
    if not data.endswith(b"\n") or hashlib.blake2b(text, digest_size=12).hexdigest().encode() != digest:
        return None
    content: dict[str, Any] = json.loads(text)
    return content


def digest_of(path: Path) -> str:
    """A digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def fingerprint_of(*parts: Any) -> str:
    """A digest of anything with a telling repr."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def luma_check(luma: NDArray[Any]) -> str:
    """A digest of a luma plane, to recognize a frame by."""
    return hashlib.blake2b(np.ascontiguousarray(luma).data, digest_size=12).hexdigest()
