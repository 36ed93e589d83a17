"""Keep native libraries off the terminal."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_notes_dropped() -> Iterator[None]:
    """Drop what native code writes to standard error; what Python writes there still arrives.

    libtiff and libpng print their view of every damaged file, without its name, besides raising
    the error that koala reports. The file descriptor belongs to the whole process, so it is not
    switched around single calls, which would be a race between threads, but once, before there
    are any.
    """
    try:
        stderr = sys.stderr
        is_real = stderr.fileno() == 2
    except (AttributeError, io.UnsupportedOperation):
        is_real = False
    if not is_real:  # someone has put something else in its place: a test, a program that embeds koala
        yield
        return
    stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path
        os.dup2(nowhere.fileno(), 2)
    sys.stderr = os.fdopen(os.dup(kept), "w", encoding=stderr.encoding, errors=stderr.errors, buffering=1)
    try:
        yield
    finally:
        sys.stderr.close()
        sys.stderr = stderr
        os.dup2(kept, 2)
        os.close(kept)
