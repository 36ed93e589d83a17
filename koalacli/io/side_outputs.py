"""Files that a run writes beside its proper outputs, such as reports and tables: checked before any work."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from koalacli.errors import UsageError
from koalacli.io.suffixes import is_medium
from koalacli.settings import flag_of


def side_outputs(settings: Any) -> dict[str, str]:
    """Files that settings name to be written besides the proper outputs, by flag."""
    named = [known for known in fields(settings) if known.metadata.get("writes")]
    return {flag_of(known): getattr(settings, known.name) for known in named}


def check_side_outputs(asked: Mapping[str, str], taken: Iterable[str | Path]) -> None:
    """Refuse side outputs that would replace what somebody wants to keep, or that cannot be written.

    Args:
        asked: flag -> path; empty paths were not asked for.
        taken: files and folders that the run reads or writes: inputs, weights, outputs.

    Raises:
        UsageError: one is a picture or film by its name, is taken, no ordinary file, asked for twice, or in a place
            where nothing can be written.
    """
    wanted = {flag: Path(path) for flag, path in asked.items() if path}
    if not wanted:
        return
    known: dict[object, str] = {}
    for path in taken:
        known |= dict.fromkeys(_identities(Path(path)), f"{path} is an input or an output of this run")
    for flag, path in wanted.items():
        if reason := _refusal(path):
            raise UsageError(f"{flag} {path}: {reason}")
        for identity in _identities(path):
            if identity in known:
                raise UsageError(f"{flag} {path}: {known[identity]}; give another name")
        known |= dict.fromkeys(_identities(path), f"{flag} goes there, too")


def _refusal(path: Path) -> str:
    """Why a path cannot be a side output whatever the run does; empty if it can."""
    if is_medium(path):
        return "is a picture or film by its name; give one such as report.html, table.csv or report.json"
    try:
        if path.is_dir():
            return "is a folder; give the name of a file in it"
        if path.is_symlink() or (os.path.lexists(path) and not path.is_file()):  # /dev/stdout is a link, too
            return "is a link or a device; give the name of an ordinary file (--json writes to standard output)"
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # tells a name that is too long from one that is free
        place = next(parent for parent in path.absolute().parents if parent.exists())
    except OSError as error:
        return f"cannot be an output ({error.strerror or error})"
    if not place.is_dir():
        return f"{place} is a file; give another folder"
    return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} cannot be written; give another folder"


def _identities(path: Path) -> list[object]:
    """What a path is the same by: its place and, where something is there, its inode (hard links)."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return [os.path.realpath(path)]
    return [os.path.realpath(path), (status.st_dev, status.st_ino)]
