"""Put files in place so that one either is there whole or is not there."""

import hashlib
import os
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from koalacli.errors import output_error

TEMPORARY = ".koala-part"  # end of the name of a file that is being written
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_STARTED = time.time()
STALE_AFTER = 24 * 3600.0  # seconds after which a temporary file of another machine counts as left behind


def write_file(path: Path, data: bytes, times: tuple[int, int] | None = None) -> None:
    """Write a file whole or not at all.

    Args:
        path: target; folders are made.
        data: content.
        times: access and modification time, nanoseconds, to give to the file.

    Raises:
        StorageFullError: no room; nothing is left behind.
        OutputError: any other reason, named.
    """
    with new_file(path, times) as file:
        file.write(data)


def copy_file(source: Path, target: Path) -> None:
    """Copy content, times and permissions, whole or not at all; errors as `write_file`."""
    with source.open("rb") as content:
        status = os.fstat(content.fileno())
        with new_file(target, (status.st_atime_ns, status.st_mtime_ns)) as file:
            shutil.copyfileobj(content, file)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_file(path: Path, times: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
    """A file open for writing that takes its name when the block ends well, and vanishes otherwise.

    Permissions are those of any new file of this user. Raises as `write_file`.
    """
    # Machine and process tell a rerun whose file this is; the rest keeps threads apart.
    part = path.with_name(f".{_HOST}-{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if times:
            os.utime(part, ns=times)  # by name: Windows cannot do it by an open file
        part.replace(path)
    except OSError as error:
        _discard(part)
        raise output_error(path, error) from error
    except BaseException:  # an interrupt, too, must leave no half of a file
        _discard(part)
        raise


def _discard(part: Path) -> None:
    with suppress(OSError):  # never made, or the folder is read-only: the first error is what counts
        part.unlink()


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files that killed runs of this machine have left in a folder.

    Those of living processes stay; those of other machines, too, until they are a day old.
    """
    for part in folder.glob(f".*{TEMPORARY}"):
        with suppress(ValueError, OSError):  # not koala's name, or someone else was faster
            host, number, _ = part.name.removesuffix(TEMPORARY).rsplit(".", 1)[1].split("-")
            age = time.time() - part.stat().st_mtime
            if age > STALE_AFTER or (host == _HOST and not _is_running(int(number), age)):
                part.unlink()


def _is_running(number: int, age: float) -> bool:
    """Whether the process that made a file some seconds ago still runs."""
    if number == os.getpid():  # the number is ours, but was another's before we started
        return age < time.time() - _STARTED
    if sys.platform == "win32":
        return True  # there, asking for a process this way would end it: a day tells
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
