"""Walking a folder: the one way in which all commands find files below it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from koalacli.records import Outcome, Record

FOLLOW = "see --follow-links"


@dataclass(frozen=True)
class Stray:
    """What was found and is not taken.

    Attributes:
        path: of it.
        reason: why, one line.
        kind: see `Record`.
        failed: whether something may be missing because of it, as below a folder that cannot be read.
    """

    path: str
    reason: str
    failed: bool = False
    kind: str = ""

    def record(self) -> Record:
        """What a pipeline tells about it."""
        if self.failed:
            return Record(self.path, "", Outcome.FAILED, f"{self.path}: {self.reason}")
        return Record(self.path, "", Outcome.SKIPPED, self.reason, kind=self.kind)


def walk(
    root: Path, *, recursive: bool = True, follow_links: bool = False, leave_out: Path | None = None
) -> Iterator[Path | Stray]:
    """Files below a folder, depth first, sorted by name, as paths that begin with the folder's own.

    Hidden files and folders are left out without a word. Links to folders, and to files outside of the root, are
    strays unless they are to be followed: they may lead where nobody meant to go. A folder is entered once,
    whatever links lead to it, so loops end.

    Args:
        root: the folder.
        recursive: whether folders below it are entered.
        follow_links: see above.
        leave_out: a folder that is not entered, such as that of the outputs.
    """
    rules = _Rules(os.path.realpath(root), recursive, follow_links, os.path.realpath(leave_out) if leave_out else "")
    entered: set[str] = set()
    waiting: list[Path | Stray | _Folder] = [_Folder(root)]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, _Folder):
            yield found
        elif (real := os.path.realpath(found.path)) not in entered:
            entered.add(real)
            waiting += reversed(_entries(found.path, rules))


@dataclass(frozen=True)
class _Folder:
    """A folder that waits to be entered."""

    path: Path


@dataclass(frozen=True)
class _Rules:
    """What holds for a whole walk; all paths without links."""

    root: str
    recursive: bool
    follow_links: bool
    leave_out: str

    def judge(self, entry: os.DirEntry[str]) -> Path | Stray | _Folder | None:
        """What becomes of an entry: a file to take, a folder to enter, a stray, or nothing."""
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:  # a loop of links, or a disk that fails
            return Stray(entry.path, _reason(error), failed=not entry.is_symlink())
        real = os.path.realpath(entry.path) if is_folder or entry.is_symlink() else ""
        if is_folder and (not self.recursive or real == self.leave_out):
            return None
        if is_folder and entry.is_symlink() and not self.follow_links:
            return Stray(entry.path, f"a link to a folder; {FOLLOW}")
        if is_folder:
            return _Folder(Path(entry.path))
        if not is_file:
            return Stray(entry.path, "a link that leads nowhere" if entry.is_symlink() else "no ordinary file")
        if entry.is_symlink() and not self.follow_links and not _is_within(real, self.root):
            return Stray(entry.path, f"a link that leaves the input folder; {FOLLOW}")
        return Path(entry.path)


def _entries(folder: Path, rules: _Rules) -> list[Path | Stray | _Folder]:
    try:
        with os.scandir(folder) as found:
            visible = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        return [Stray(str(folder), _reason(error), failed=True)]
    return [judged for entry in visible if (judged := rules.judge(entry)) is not None]


def _is_within(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)


def _reason(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error})"
