"""Where photographs come from and go to: files, objects of a store, standard streams."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from koalacli.errors import writing_errors
from koalacli.io.arguments import STREAM
from koalacli.io.files import copy_file, new_file
from koalacli.io.paths import Job
from koalacli.io.picture.read import read_bytes
from koalacli.io.storage import is_remote, new_object, read_object


def read_source(source: str) -> bytes:
    """The bytes of a file, an object or standard input."""
    if source == STREAM:
        return sys.stdin.buffer.read()
    return read_object(source) if is_remote(source) else read_bytes(Path(source))


def new_target(target: str, times: tuple[int, int] | None = None) -> AbstractContextManager[BinaryIO]:
    """A file or an object to write, there whole or not at all; times are those that it shall have."""
    return new_object(target) if is_remote(target) else new_file(Path(target), times)


def print_out(data: bytes) -> None:
    """Write to standard output."""
    with writing_errors("standard output"):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def copy_input(job: Job) -> None:
    """Copy an input to its output, byte for byte."""
    if is_remote(job.source) or is_remote(job.target):
        with new_target(job.target) as file:
            file.write(read_source(job.source))
    else:
        copy_file(Path(job.source), Path(job.target))


def source_name(job: Job) -> str:
    """What messages call an input."""
    return "standard input" if job.source == STREAM else job.source
