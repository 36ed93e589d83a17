"""The log file of --log-file: what happens, with times, whatever the screen shows."""

import shlex
import sys
import time
from pathlib import Path
from typing import TextIO

from koalacli.errors import UsageError, writing_errors
from koalacli.io.texts import NOT_ENCODABLE, one_line
from koalacli.version import __version__

_file: TextIO | None = None  # of the command that runs


def open_log(path: str, taken: tuple[str, ...] = ()) -> None:
    """Append to a file from here on; what stands in it stays.

    Raises:
        UsageError: it is a picture or film by its name, no ordinary file, or one of `taken`.
        OutputError: it cannot be written.
    """
    global _file
    close_log()
    if not path:
        return
    from koalacli.io.side_outputs import check_side_outputs  # asks which names pictures have; help need not wait for it

    check_side_outputs({"--log-file": path}, taken)
    _refuse_other(Path(path))
    with writing_errors(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        _file = Path(path).open("a", encoding="utf-8", errors=NOT_ENCODABLE, buffering=1)  # noqa: SIM115 - until close_log
    log(f"koala {__version__}: {shlex.join(sys.argv[1:])}")


def log(text: str) -> None:
    """A line with the time, if there is a log; one that cannot be written any more is given up with a word."""
    global _file
    if _file is None:
        return
    name = _file.name
    try:
        for line in text.splitlines():
            _file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {one_line(line)}\n")
    except OSError as error:
        _file = None
        sys.stderr.write(f"the log {name} ends here ({error.strerror or error})\n")


def close_log() -> None:
    """What is said later belongs to no log."""
    global _file
    if _file is not None:
        _file.close()
    _file = None


def _refuse_other(path: Path) -> None:
    """A file that holds something else, such as a table or weights, is not appended to."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        begin = file.read(64)
    if not (begin[:4].isdigit() and b" koala " in begin):
        raise UsageError(f"--log-file {path}: holds something else than a log of koala; give another name")
