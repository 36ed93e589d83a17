"""A film of an object store while it is here: a folder for it, and its finished segments, sent as they come."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from koalacli.errors import NothingMatchedError, OutputError, writing_errors
from koalacli.io.film.segments import JOURNAL, OWN_NAMES
from koalacli.io.locks import FolderLock
from koalacli.io.storage import fetch_object, list_objects, remove_objects, send_file

SCRATCH = "koala-film-"
OLD_ENOUGH = 60.0  # seconds after which a folder without an owner is what a killed run has left


class StoredWork:
    """The finished segments of a film, here and in the store.

    Args:
        made: the output here.
        place: of the output's folder.
        settings: what the work is called, see `WorkFolder`.
    """

    def __init__(self, made: str, place: str, settings: str):
        name = f".{Path(made).name}.koala"  # as of a WorkFolder
        self.folder, self.place = Path(made).with_name(name) / settings, f"{place}/{name}/{settings}"
        self._sent: dict[str, tuple[int, int]] = {}  # state of each file when it was sent, or fetched
        self._told = False

    def fetch(self) -> None:
        """Bring here what an earlier run has sent.

        Raises:
            InputError: the store does not give it.
            StorageFullError: there is no room for it.
        """
        try:
            found = {PurePosixPath(one.place).name: one.place for one in list_objects(self.place)}
        except NothingMatchedError:
            return
        if JOURNAL not in found:  # its first segment was on the way
            return
        self.folder.mkdir(parents=True)
        for name, place in found.items():
            if OWN_NAMES.fullmatch(name):
                fetch_object(place, self.folder / name)
                self._sent[name] = _state(self.folder / name)

    def send(self) -> str:
        """Send the segments that the work's journal names, then the journal; what to tell where that fails, once."""
        if not (self.folder / JOURNAL).is_file():
            return ""
        count = len((self.folder / JOURNAL).read_bytes().splitlines()) - 1
        segments = [f"{number:06}.{kind}" for number in range(count) for kind in ("packets", "npz")]
        try:
            for name in [*segments, JOURNAL] if count else []:
                path = self.folder / name
                if self._sent.get(name) != (state := _state(path)):
                    send_file(path, f"{self.place}/{name}")
                    self._sent[name] = state
        except OutputError as error:
            first, self._told = not self._told, True
            return f"a rerun will begin anew: {error}" if first else ""
        return ""

    def remove(self) -> None:
        """Delete what was sent."""
        remove_objects(self.place)


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for one film, gone afterwards; what runs that were killed have left is deleted first.

    Raises:
        OutputError, StorageFullError: there can be none.
    """
    room = Path(tempfile.gettempdir())
    with writing_errors(room):
        for left in room.glob(f"{SCRATCH}*"):
            _delete_left(left)
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
        lock = FolderLock(folder)
        lock.take()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _delete_left(folder: Path) -> None:
    """Delete a folder that no process has, if it is koala's and this user's."""
    with suppress(OSError):
        status = folder.lstat()
        ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        if not folder.is_dir() or folder.is_symlink() or not ours or time.time() - status.st_mtime < OLD_ENOUGH:
            return
        lock = FolderLock(folder)
        if lock.take():
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
