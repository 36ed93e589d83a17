"""Side outputs, such as reports, never replace what somebody wants to keep."""

import os
from pathlib import Path

import pytest

from koalacli.errors import UsageError
from koalacli.io.side_outputs import check_side_outputs


@pytest.mark.parametrize("name", ["a.jpg", "a.TIFF", "a.heic", "film.mkv", "film.dv", "deep/new.png"])
def test_a_picture_or_film_by_its_name_is_refused(tmp_path: Path, name: str) -> None:
    """Whether it is there or not: a report under such a name is a slip."""
    with pytest.raises(UsageError, match=r"--report .*picture or film by its name"):
        check_side_outputs({"--report": str(tmp_path / name)}, [])


def test_what_a_run_reads_or_writes_is_refused_by_any_name(tmp_path: Path) -> None:
    """Inputs, outputs that are still to come, and other names of them: links, hard links, ways around."""
    source, coming = tmp_path / "notes.dat2", tmp_path / "out" / "coming"
    source.write_bytes(b"dear")
    os.link(source, tmp_path / "hard")
    (tmp_path / "soft").symlink_to(tmp_path)
    for path in (
        source,
        tmp_path / "hard",
        tmp_path / "soft" / "notes.dat2",
        coming,
        tmp_path / "x" / ".." / "out" / "coming",
    ):
        with pytest.raises(UsageError, match="an input or an output"):
            check_side_outputs({"--csv": str(path)}, [source, str(coming)])


def test_only_ordinary_files_in_writable_places_are_taken(tmp_path: Path) -> None:
    """Devices, pipes, folders, dangling links, and places below a file are refused; a folder that lacks is made."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").write_text("")
    for path in ("/dev/null", "/dev/stdout", "pipe", "nowhere", "loop", "", "file/report.json", "x" * 300 + "/r.json"):
        with pytest.raises(UsageError, match="--report"):
            check_side_outputs({"--report": str(tmp_path / path) if path else str(tmp_path)}, [])
    check_side_outputs({"--report": str(tmp_path / "new" / "report.json"), "--csv": ""}, [])


def test_two_side_outputs_are_two_files(tmp_path: Path) -> None:
    """One must not replace the other."""
    with pytest.raises(UsageError, match="--report goes there"):
        check_side_outputs({"--report": str(tmp_path / "a"), "--csv": str(tmp_path / "." / "a")}, [])
