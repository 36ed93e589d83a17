"""Files put in place, also where the system is not POSIX."""

import os
import sys
from pathlib import Path

import pytest

from koalacli.io.files import TEMPORARY, copy_file, new_file, remove_leftovers


def test_times_are_set_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows cannot set them by an open file."""
    plain = os.utime

    def by_name(path: object, **options: object) -> None:
        assert not isinstance(path, int)
        plain(path, **options)

    monkeypatch.setattr(os, "utime", by_name)
    with new_file(tmp_path / "a", (10**9, 2 * 10**9)) as file:
        file.write(b"content")
    copy_file(tmp_path / "a", tmp_path / "b")
    for name in ("a", "b"):
        assert (tmp_path / name).stat().st_mtime_ns == 2 * 10**9
        assert (tmp_path / name).read_bytes() == b"content"


def test_windows_processes_are_not_asked_whether_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the question would end them; what they write stays until it is a day old."""
    from koalacli.io import files

    part = tmp_path / f".{files._HOST}-1234567-00{TEMPORARY}"
    part.write_bytes(b"")

    def kill(*_asked: object) -> None:
        raise AssertionError("a process was asked")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "kill", kill)
    remove_leftovers(tmp_path)
    assert part.exists()
