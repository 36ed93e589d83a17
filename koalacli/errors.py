"""Errors a user can act on.

    KoalaError
    ├── UsageError        the request contradicts itself or cannot be understood
    ├── NothingMatchedError   no input was found where the user pointed
    ├── WeightsError      weights are missing, damaged, or of another network
    ├── DeviceError       the device asked for is not there
    ├── ClusterError      a cluster is not there, or its workers are not
    ├── InputError        one input cannot be read; the batch goes on
    │   └── UnsupportedError  it can be read, but not carried through without loss
    ├── OutputError       one output cannot be written; the batch goes on
    │   └── StorageFullError  nothing more can be written; the run stops
    ├── DataError         training or evaluation data is missing or unusable
    └── TrainingError     the training itself cannot go on

A message names the thing, the cause and the way out, in one line. Anything that is
not a KoalaError is a bug and keeps its traceback.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a limit on the size of files is one that more work will hit again


class KoalaError(Exception):
    """Root of all errors that are the world's fault rather than koala's."""


class UsageError(KoalaError):
    """The request contradicts itself or cannot be understood."""


class NothingMatchedError(KoalaError):
    """No input was found where the user pointed."""


class WeightsError(KoalaError):
    """Weights are missing, damaged, tampered with, or belong to another network."""


class DeviceError(KoalaError):
    """The device asked for is not available."""


class ClusterError(KoalaError):
    """A cluster, or its workers, are not there."""


class InputError(KoalaError):
    """One input cannot be read."""


class UnsupportedError(InputError):
    """One input is of a kind koala cannot carry through without loss."""


class OutputError(KoalaError):
    """One output cannot be written."""


class StorageFullError(OutputError):
    """The output device is full; going on would only fail again."""


class DataError(KoalaError):
    """Training or evaluation data is missing or unusable."""


class TrainingError(KoalaError):
    """The training itself cannot go on."""


def output_error(path: Path | str, error: OSError) -> OutputError:
    """What an error of the system, met while writing, means to the user."""
    if error.errno in FULL:
        return StorageFullError(f"{path}: no space left on the device; free some and run again to go on")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"{path}: cannot be written ({error.strerror}); give another place, or allow writing there")
    return OutputError(f"{path}: cannot be written ({error.strerror or error})")


@contextmanager
def writing_errors(path: Path | str) -> Iterator[None]:
    """Raise the system's errors in this block as what they mean for the file that is written.

    FFmpeg's own errors are OSErrors too where the system is the cause.
    """
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error
