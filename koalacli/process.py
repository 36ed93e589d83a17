"""What koala changes in the process that it runs in, and why: native notes, threads, the runtime's environment."""

import io
import logging
import os
import sys
import tempfile
import warnings
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


@contextmanager
def native_notes_held_back() -> Iterator[None]:
    """Hold back what native code writes to stderr, and give it out if the import fails.

    TensorFlow announces its CPU features there before its own log level is in force.
    """
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def set_runtime_defaults() -> None:
    """What the array library reads as it starts; what the user has set stays."""
    # oneDNN's kernels give a picture the same result in every batch, and are faster; TensorFlow
    # turns them on by itself only on some processors.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Without its own allocator TensorFlow returns every large array to the system and has it zeroed again by the
    # next step, which slows training on a processor.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")


def quiet_libraries() -> None:
    """Decoders must neither start threads beside koala's own nor talk to the terminal: errors reach the records."""
    import cv2  # here, so that `koala --help` does not wait for it

    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    warnings.filterwarnings("ignore", module=r"PIL\..*")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def worker_count(asked: int | None) -> int:
    """Threads that read, and as many that write: as asked, else one per core, but two at least."""
    return asked or max(2, os.cpu_count() or 2)
