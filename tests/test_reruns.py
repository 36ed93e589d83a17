"""What a second run does with what a first one made, by whatever way it was asked for."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults_driver import Network
from PIL import Image

from koalacli.config import ColorizeConfig
from koalacli.errors import OutputError
from koalacli.journal import JOURNAL, Journal
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two gray pictures."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)).save(folder / name)
    return folder


def run(source: Path, output: Path, **settings: Any) -> dict[str, Record]:
    """Records of a run by name of the input."""
    records = colorize(str(source), str(output), ColorizeConfig(**settings), Network())
    return {Path(record.source).name: record for record in records if isinstance(record, Record)}


def outcomes(records: dict[str, Record]) -> list[str]:
    """In order of the names."""
    return [str(records[name].outcome) for name in sorted(records)]


def test_a_single_output_is_made_again_when_its_settings_change(pictures: Path, tmp_path: Path) -> None:
    """As the help of --on-exist says: with the same settings it is skipped, with others redone; strangers' are kept."""
    target = tmp_path / "one.png"
    assert outcomes(run(pictures / "a.png", target)) == ["done"]
    assert outcomes(run(pictures / "a.png", target)) == ["skipped"]
    assert outcomes(run(pictures / "a.png", target, quality=50)) == ["done"]
    (tmp_path / "foreign.png").write_bytes(b"not koala's")
    assert outcomes(run(pictures / "a.png", tmp_path / "foreign.png", quality=50)) == ["skipped"]


def test_a_correction_outlives_the_next_batch(pictures: Path, tmp_path: Path) -> None:
    """What was asked for by its own name stays, with whatever settings the batch runs, until its input changes."""
    run(pictures, tmp_path / "out")
    run(pictures / "a.png", tmp_path / "out" / "a.png", on_exist="overwrite", chroma_subsampling="444")
    assert outcomes(run(pictures, tmp_path / "out")) == ["skipped", "skipped"]
    assert outcomes(run(pictures, tmp_path / "out", quality=50)) == ["skipped", "done"]
    os.utime(pictures / "a.png", ns=(1, 1))
    assert outcomes(run(pictures, tmp_path / "out", quality=50)) == ["done", "skipped"]


def test_times_are_given_without_making_anything_again(pictures: Path, tmp_path: Path) -> None:
    """--preserve-times on a second run changes the times of the outputs and nothing else."""
    os.utime(pictures / "a.png", ns=(10**18, 10**18))
    run(pictures, tmp_path / "out")
    assert outcomes(run(pictures, tmp_path / "out", preserve_times=True)) == ["skipped", "skipped"]
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == 10**18


def test_what_koala_made_is_not_colored_again(pictures: Path, tmp_path: Path) -> None:
    """Outputs beside their inputs, and then another folder: their XMP says who made them; by name they are redone."""
    assert outcomes(run(pictures, pictures, suffix=".color")) == ["done", "done"]
    records = run(pictures, tmp_path / "out")
    assert outcomes(records) == ["skipped", "done", "skipped", "done"]
    assert "made by koala" in records["a.color.png"].reason
    assert outcomes(run(pictures / "a.color.png", tmp_path / "again.png")) == ["done"]


@pytest.mark.parametrize("line", ["[" * 100_000, '{"path": ' * 50_000, '{"path": 1}', "null", "\x00"])
def test_a_journal_of_nonsense_is_passed_over(pictures: Path, tmp_path: Path, line: str) -> None:
    """Nested without end, of other kinds, empty: such lines cost themselves and nothing else."""
    run(pictures, tmp_path / "out")
    with (tmp_path / "out" / JOURNAL).open("a") as file:
        file.write(line + "\n")
    assert outcomes(run(pictures, tmp_path / "out")) == ["skipped", "skipped"]


def test_a_journal_that_is_no_file_is_refused_before_work(pictures: Path, tmp_path: Path) -> None:
    """A pipe would be waited for, a link would carry lines out of the folder."""
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / JOURNAL)
    with pytest.raises(OutputError, match="is no file"):
        run(pictures, tmp_path / "out")
    (tmp_path / "out" / JOURNAL).unlink()
    (tmp_path / "out" / JOURNAL).symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="is no file"):
        run(pictures, tmp_path / "out")
    assert not (tmp_path / "precious").exists()


def test_outputs_are_done_although_the_journal_is_read_only(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are there, so they are told as done, once with the trouble that the journal gives."""

    def refuse(self: Journal, line: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Journal, "_append", refuse)
    records = run(pictures, tmp_path / "out")
    assert outcomes(records) == ["done", "done"]
    assert sorted("journal" in record.reason for record in records.values()) == [False, True]


def test_a_journal_line_tells_whether_it_was_asked_for_alone(pictures: Path, tmp_path: Path) -> None:
    """One flag, on disk, so that every later batch knows."""
    run(pictures, tmp_path / "out")
    run(pictures / "a.png", tmp_path / "out" / "a.png", on_exist="overwrite")
    lines = [json.loads(line) for line in (tmp_path / "out" / JOURNAL).read_text().splitlines()]
    assert [line["alone"] for line in lines if "path" in line] == [False, False, True]
    assert {line["outcome"] for line in lines if "path" in line} == {str(Outcome.DONE)}
