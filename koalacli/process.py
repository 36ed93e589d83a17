"""What koala changes in the process that it runs in, and why: descriptors, signals, native notes, threads."""

import atexit
import io
import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, a polite kill, a terminal that was closed
_interrupted = threading.Event()
_holding = 0  # streams at work, which stop by themselves


def take_standard_descriptors() -> None:
    """Open the standard descriptors that were closed, so that no file of koala's gets their numbers.

    With one of them closed, the next file that is opened, maybe an output, would be what libraries take for standard
    error. Reading from such an input finds nothing; writing to such an output is an error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the lowest free number is this one
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    sys.stdin = sys.stdin or os.fdopen(0, "r")
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w", buffering=1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only still gets every line


def stdout_is_stuck() -> bool:
    """Whether standard output takes nothing: tries it with a line feed."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


def give_up_stdout(error: OSError) -> None:
    """Say why standard output takes nothing more; what waits for it goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)  # Python would try again, and complain
    os.dup2(nowhere, 1)
    sys.stderr.write(f"koala: standard output: cannot be written ({error.strerror})\n")


def leave(code: int) -> NoReturn:
    """End the process with this exit code; 1 instead of 0 where standard output did not take all.

    After an interrupt nobody waits for threads that still read: a read may hang as long as its disk does.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        give_up_stdout(error)
        code = code or 1
    sys.stderr.flush()
    atexit.register(_ignore_interrupts)
    if _interrupted.is_set() and any(thread.name.startswith("koala-read") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def _ignore_interrupts() -> None:
    """For the last moments, when all is told and Python takes itself apart: a signal would change the exit code."""
    for name in STOPPING:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)


def catch_interrupts() -> None:
    """Let every signal that asks koala to end do so like Ctrl-C; what the caller ignores (nohup, &) stays ignored."""
    for name in STOPPING:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    again = _interrupted.is_set()
    _interrupted.set()
    if again or not _holding:
        raise KeyboardInterrupt


@contextmanager
def interrupts_held() -> Iterator[Callable[[], bool]]:
    """Within it the first interrupt raises nothing: who works here asks for it, tells what is done, and then ends.

    A second one raises. It asks about one that came before, too: native code may have swallowed its exception.
    """
    global _holding
    _holding += 1
    try:
        yield _interrupted.is_set
    finally:
        _holding -= 1


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
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # several looks are several traces: that is meant


def worker_count(asked: int | None) -> int:
    """Threads that read, and as many that write: as asked, else one per core, but two at least."""
    return asked or max(2, os.cpu_count() or 2)
