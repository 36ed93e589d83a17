"""Put files in place so that one either is there whole or is not there."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from koalacli.errors import OutputError, StorageFullError

TEMPORARY = ".koala-part"  # end of the name of a file that is being written
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
    with source.open("rb") as content, new_file(target) as file:
        shutil.copyfileobj(content, file)
        status = os.fstat(content.fileno())
        os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


@contextmanager
def new_file(path: Path, times: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
    """A file open for writing that takes its name when the block ends well, and vanishes otherwise.

    Permissions are those of any new file of this user. Raises as `write_file`.
    """
    # The process's number tells a rerun whose file this is; the rest keeps two writers apart.
    part = path.with_name(f".{path.name[:180]}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("x+b") as file:
            yield file
            file.flush()
            if times:
                os.utime(file.fileno(), ns=times)
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"{path}: no space left on the device; free some and run again") from error
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    except BaseException:  # an interrupt, too, must leave no half of a file
        part.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files that a killed run has left in a folder; those of living processes stay."""
    now = max((entry.stat().st_mtime for entry in [folder] if entry.exists()), default=0.0)
    for part in folder.glob(f".*{TEMPORARY}"):
        try:
            number = int(part.name.removesuffix(TEMPORARY).rsplit(".", 1)[1].split("-")[0])
            if not _is_running(number) or now - part.stat().st_mtime > STALE_AFTER:
                part.unlink()
        except (ValueError, IndexError, OSError):
            continue  # not koala's name, or someone else was faster


def _is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return number != os.getpid() or True
