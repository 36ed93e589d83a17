"""What `koala eval` is asked for: refusals, outputs, names, hints."""

import json
import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from evaluations import patches, run, save
from schemas import read_events

from koalacli.config import EvalConfig
from koalacli.errors import StorageFullError, UsageError
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.items import find_items
from koalacli.pipelines.evaluate.pipeline import evaluate


def test_outputs_are_refused_before_any_work(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Originals, pictures by their names, devices and places that cannot be: a line at once, and nothing is touched."""
    pred, ref = folders
    (tmp_path / "file").write_bytes(b"")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    places = (pred / "a.webp", ref / "deep" / "b.png", tmp_path / "new.png", "/dev/null", ref, tmp_path / "file" / "x")
    for place in places:
        for output in ("csv", "report", "study"):
            with pytest.raises(UsageError, match=f"--{output} "):
                next(evaluate(EvalConfig(pred=(str(pred),), ref=str(ref), **{output: str(place)})))
    with pytest.raises(UsageError, match="goes there, too"):
        next(evaluate(EvalConfig(pred=(str(pred),), ref=str(ref), csv=str(tmp_path / "x"), study=str(tmp_path / "x"))))
    assert {path: path.read_bytes() for path in before} == before
    run(pred=(str(pred),), ref=str(ref), report=str(tmp_path / "new" / "folder" / "report.html"))
    assert (tmp_path / "new" / "folder" / "report.html").exists()


def test_a_report_follows_its_suffix(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """The figures as an event, those of every picture as a table; anything else is refused."""
    pred, ref = folders
    run(pred=(str(pred),), ref=str(ref), report=str(tmp_path / "all.json"))
    (event,) = read_events("eval", json.dumps(json.loads((tmp_path / "all.json").read_text("utf-8"))))
    assert event["figures"]["pred"]["psnr"]["value"] > 0
    run(pred=(str(pred),), ref=str(ref), report=str(tmp_path / "all.csv"), csv=str(tmp_path / "same.csv"))
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "same.csv").read_bytes()
    with pytest.raises(UsageError, match=r"ends in \.json, \.csv or \.html"):
        EvalConfig(report="report.txt")


def test_the_figures_are_told_before_files_are_written(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full in the end does not cost the run."""
    pred, ref = folders

    def full(*args: object) -> None:
        raise StorageFullError("full")

    monkeypatch.setattr("koalacli.pipelines.evaluate.outputs.write_text", full)
    records = evaluate(EvalConfig(pred=(str(pred),), ref=str(ref), csv=str(tmp_path / "x.csv")))
    assert any(isinstance(record, Evaluation) for record in islice(records, 6))
    with pytest.raises(StorageFullError):
        list(records)


@pytest.mark.parametrize(
    ("setting", "value"), [("limit", 0), ("limit", -1), ("clip_frames", 0), ("study_pictures", 1), ("workers", -1)]
)
def test_numbers_out_of_range_are_refused(folders: tuple[Path, Path], setting: str, value: int) -> None:
    """One line that names the flag."""
    pred, ref = folders
    with pytest.raises(UsageError, match=f"--{setting.replace('_', '-')} {value}: give "):
        next(evaluate(EvalConfig(pred=(str(pred),), ref=str(ref), **{setting: value})))


def test_names_of_any_bytes_reach_every_file(tmp_path: Path) -> None:
    """Names that are no UTF-8, and such as would steer a terminal, are written as escapes or as they are."""
    name = os.fsdecode(b"\xff\x1b[31m<b>.png")
    for number, folder in enumerate(("ref", "pred")):
        save(tmp_path / folder / name, patches(number))
    outputs = {kind: str(tmp_path / f"{kind}.html") for kind in ("csv", "report", "study")}
    run(pred=(str(tmp_path / "pred"),), ref=str(tmp_path / "ref"), **outputs)
    for path in outputs.values():
        assert "udcff" in Path(path).read_text("utf-8")


def test_pictures_of_one_name_in_two_places_are_both_judged(tmp_path: Path) -> None:
    """Their sources tell them apart; none is dropped without a word."""
    for number, folder in enumerate(("one", "two")):
        save(tmp_path / folder / "a.png", patches(number))
    items, _ = find_items(EvalConfig(data=str(tmp_path / "*")))
    assert [item.name for item in items] == [str(tmp_path / folder / "a.png") for folder in ("one", "two")]


def test_hints_are_measured_beside_their_floors(tmp_path: Path) -> None:
    """More true colors give more PSNR; floors have no value without points; report and JSON carry the curve."""
    for number in range(2):
        rgb8 = np.kron(patches(number, 32, 48)[::4, ::4], np.ones((8, 8, 1), np.uint8))
        save(tmp_path / "true" / f"{number}.png", rgb8)
    report = tmp_path / "report.html"
    evaluation, _ = run(data=str(tmp_path / "true"), hints="20,1", report=str(report))
    curve = evaluation.hints
    assert curve is not None
    assert curve.counts == (0, 1, 20)
    psnr = curve.values["koala"]["psnr"]
    assert psnr[2] > psnr[0] + 2
    assert all(
        np.isnan(curve.values[floor]["psnr"][0]) and curve.values[floor]["psnr"][2] > 0 for floor in curve.floors
    )
    assert evaluation.as_event()["hints"]["points"] == [0, 1, 20]
    assert 'id="hints"' in report.read_text("utf-8")


@pytest.mark.parametrize("hints", ["many", "1,,2", "1,9999", "-1"])
def test_numbers_of_hints_are_checked_before_any_work(tmp_path: Path, hints: str) -> None:
    """What is no list of numbers, or asks for more points than sense, is refused by name."""
    save(tmp_path / "a.png", patches(0))
    with pytest.raises(UsageError, match="--hints"):
        run(data=str(tmp_path), hints=hints)
