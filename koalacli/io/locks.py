"""A folder that belongs to one process at a time."""

import errno
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "lock"
BEYOND = 1 << 30  # a byte that is never written: Windows forbids reading locked ones


class FolderLock:
    """A lock on a folder that the system drops when its process ends, however it ends.

    The lock is on an open file in the folder. The file itself means nothing: one that a killed
    run left does not block.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._file: BinaryIO | None = None

    def take(self) -> bool:
        """Make the folder if need be and lock it; False if another process has it.

        Raises:
            OSError: the folder or the file in it cannot be made.
        """
        path = self.folder / NAME
        while self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # the last holder removed the folder just now: once more
                file = _open_own(path)
                if not _seize(file):
                    file.close()
                    return False
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    self._file = file
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())
        self._file.flush()
        return True

    def holder(self) -> str:
        """Number of the process that has the lock, as far as it is known."""
        return (self.folder / NAME).read_text("ascii") or "unknown"

    def remove(self) -> None:
        """Delete the lock's file, and the folder if nothing else is in it."""
        with suppress(OSError):
            (self.folder / NAME).unlink(missing_ok=True)
            self.folder.rmdir()

    def release(self) -> None:
        """Let others have the folder, if it still is there."""
        if self._file:
            self._file.close()
            self._file = None


def _open_own(path: Path) -> BinaryIO:
    """The lock's file; one that holds anything but a process' number, or lies elsewhere, is not koala's.

    Raises:
        OSError: it is not, or cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags, 0o666), "a+b")
    file.seek(0)
    if not re.fullmatch(rb"\d{0,10}", file.read(11)):
        file.close()
        raise FileExistsError(errno.EEXIST, "a file that koala did not make is in its way", str(path))
    return file


def _seize(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(BEYOND)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
