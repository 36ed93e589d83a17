"""A pseudo-terminal of 80 columns: what a person sees who types a command."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, ROWS = 80, 24
CONTROL = re.compile(r"\x1b\[([\d;?]*)([A-Za-z])")


@dataclass(frozen=True)
class Screen:
    """What was seen.

    Attributes:
        code: the exit code.
        seen: every line as it ever stood, moving ones at each of their states, without colors.
        left: what stands there in the end.
    """

    code: int
    seen: list[str]
    left: list[str]


def type_command(words: list[str], folder: Path, driver: Path, seconds: float = 120) -> Screen:
    """Run `koala WORDS` in a terminal of its own, with the network that `driver` brings.

    Args:
        words: behind `koala`.
        folder: the current one.
        driver: a script that runs the command line.
        seconds: after which the command is killed.
    """
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, str(driver), "run", *words]
    process = subprocess.Popen(arguments, cwd=folder, env=environment, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    data = b""
    try:
        while part := _read(outer):
            data += part
        return Screen(process.wait(timeout=seconds), *_play(data.decode("utf-8", "replace")))
    finally:
        process.kill()
        os.close(outer)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def _play(text: str) -> tuple[list[str], list[str]]:
    """Lines that ever stood, and those that stay: a cursor that writes, returns, goes up, and erases."""
    lines, row, column, seen = [""], 0, 0, []
    for part in re.split(r"(\n|\r|\x1b\[[\d;?]*[A-Za-z])", text):
        control = CONTROL.fullmatch(part)
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif control and control[2] == "A":
            row = max(0, row - int(control[1] or 1))
        elif control and control[2] == "K":
            lines[row] = "" if control[1] == "2" else lines[row][:column]
        elif part and not control:
            before = lines[row].ljust(column)
            lines[row] = before[:column] + part + before[column + len(part) :]
            column += len(part)
            seen.append(lines[row])
    return seen, [line.rstrip() for line in lines if line.strip()]
