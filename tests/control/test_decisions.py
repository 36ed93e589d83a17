"""Decisions of people, merged and applied: what is written, copied, left out, refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from koalacli.config import ColorizeConfig
from koalacli.control.book import LARGEST_FILE
from koalacli.control.decisions import apply_decisions
from koalacli.errors import UsageError
from koalacli.pipelines.colorize import colorize
from koalacli.records import Notice, Outcome, Record

POINT = {"x": 0.5, "y": 0.5, "color": "40,-30"}


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Six small pictures."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, name in enumerate("abcdef"):
        ramp = np.linspace(20 + 5 * number, 200, 96 * 64).reshape(64, 96)
        Image.fromarray(ramp.astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def write(path: Path, pictures: Any, **head: Any) -> str:
    """A decisions file."""
    path.write_text(json.dumps({"koala-hints": 1, "koala-decisions": 1, **head, "pictures": pictures}), "utf-8")
    return str(path)


def run(scans: Path, colorizer: Any, *decisions: str, **flags: Any) -> tuple[dict[str, Record], list[str]]:
    """Colorize; records by the name of the file, and notices."""
    config = ColorizeConfig(decisions=decisions, **flags)
    records = list(colorize(str(scans), str(scans.parent / "color"), config, colorizer))
    notices = [record.text for record in records if isinstance(record, Notice)]
    return {Path(record.source).name: record for record in records if isinstance(record, Record)}, notices


def test_each_verdict_does_what_it_says(scans: Path, colorizer: Any, tmp_path: Path) -> None:
    """Rejected: not written. Gray: the same bytes. Hinted: other colors, and XMP says by whom. Changed: refused."""
    pictures = {
        "a.png": {"verdict": "reject", "reviewer": "Ada"},
        "b.png": {"verdict": "gray"},
        "c.png": {"verdict": "keep", "points": [POINT], "reviewer": "Ada"},
        "d.png": {"verdict": "keep", "sha256": "0" * 64},
        "e.png": {"verdict": "flag"},
        "g.png": {"verdict": "keep"},
    }
    records, notices = run(scans, colorizer, write(tmp_path / "decisions.json", pictures))
    assert notices == ["flagged for another look: e.png"]
    color = tmp_path / "color"
    assert sorted(path.name for path in color.glob("*.png")) == ["b.png", "c.png", "e.png", "f.png"]
    assert (records["a.png"].outcome, records["a.png"].reason) == (Outcome.SKIPPED, "rejected by Ada")
    assert (color / "b.png").read_bytes() == (scans / "b.png").read_bytes()
    assert records["d.png"].outcome == Outcome.FAILED
    assert "has changed" in records["d.png"].reason
    assert records["g.png"].outcome == Outcome.FAILED
    assert b'koala:Reviewer="Ada"' in (color / "c.png").read_bytes()
    middle = np.asarray(Image.open(color / "c.png")).astype(int)[32, 48]
    assert middle[2] > middle[1] + 20, "violet, as the point says"


def test_a_rerun_redoes_what_was_decided_anew(scans: Path, colorizer: Any, tmp_path: Path) -> None:
    """And nothing else."""
    place = write(tmp_path / "decisions.json", {"a.png": {"verdict": "gray"}, "b.png": {"saturation": 0.5}})
    run(scans, colorizer, place)
    write(tmp_path / "decisions.json", {"a.png": {"verdict": "keep"}, "b.png": {"saturation": 0.5}})
    records, _ = run(scans, colorizer, place)
    assert [name for name, record in records.items() if record.outcome == Outcome.DONE] == ["a.png"]


def test_of_two_people_the_later_one_counts_and_is_told(scans: Path, colorizer: Any, tmp_path: Path) -> None:
    """Whatever the order of the files; where they agree nothing is said."""
    early, late = "2026-01-01T10:00:00Z", "2026-01-01T13:00:00+02:00"
    first = {"a.png": {"verdict": "gray", "date": late}, "b.png": {"verdict": "reject", "date": early}}
    second = {"a.png": {"verdict": "reject", "date": early}, "b.png": {"verdict": "reject", "date": late}}
    places = [
        write(tmp_path / "1.json", first, reviewer="Ada"),
        write(tmp_path / "2.json", second, reviewer="Ben"),
    ]
    for order in (places, places[::-1]):
        records, notices = run(scans, colorizer, *order, on_exist="overwrite")
        assert records["a.png"].reason == "kept gray, copied"
        assert records["b.png"].reason == "rejected by Ben"
        assert notices == ["a.png: reject and none by Ben is overruled by gray and none by Ada, which is later"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ([], "not an object"),
        ({"verdict": "<b>"}, "unknown verdict"),
        ({"verdict": 7}, "not a text"),
        ({"date": "yesterday"}, "not understood"),
        ({"proposal": 30}, "proposal 30 is not between"),
        ({"proposal": 2.5}, "not the number of one"),
        ({"proposal": 2, "vividness": 0.3}, "give one of the two"),
        ({"reviewer": "x" * 1000}, "1000 characters"),
        ({"reviewer": "\ud800"}, "no text"),
        ({"reviewer": "\0"}, "no text"),
        ({"points": [{"x": 7, "y": 0, "color": "1,1"}]}, "outside"),
        ({"masks": [{"file": "../../etc/passwd", "color": "red"}]}, "below the folder"),
        ({"run": "rm"}, "unknown 'run'"),
    ],
)
def test_what_a_stranger_wrote_is_refused_by_name(scans: Path, entry: Any, said: str, tmp_path: Path) -> None:
    """Its picture is not written, the others are to be done."""
    from koalacli.io.paths import Job

    jobs = [Job(str(scans / f"{name}.png"), str(tmp_path / f"{name}.png")) for name in "ab"]
    decided = apply_decisions([write(tmp_path / "d.json", {"a.png": entry})], str(scans), jobs)
    assert decided.jobs == jobs[1:]
    assert [record.outcome for record in decided.records] == [Outcome.FAILED]
    assert said in decided.records[0].reason


def test_what_is_no_decisions_file_is_refused_at_once(scans: Path, tmp_path: Path) -> None:
    """Other JSON, half of it, too large, of another version: before any work, naming the file."""
    place = tmp_path / "d.json"
    for text in (
        "{",
        "[]",
        '{"pictures": {}}',
        '{"koala-hints": 2, "pictures": {}}',
        '{"koala-hints": 1}',
        "[" * 100_000,
    ):
        place.write_text(text, "utf-8")
        with pytest.raises(UsageError, match=r"d\.json"):
            apply_decisions([str(place)], str(scans), [])
    with place.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(UsageError, match="larger than"):
        apply_decisions([str(place)], str(scans), [])


def test_decisions_about_other_colors_are_refused_with_the_way_out(scans: Path, tmp_path: Path) -> None:
    """A file tells with which weights and settings its page was made; a run with others does not apply it."""
    own = {"weights": "abc", "size": 192, "vividness": 0.5, "method": "coherence"}
    place = tmp_path / "d.json"
    for told, way_out in (
        ({**own, "size": 256}, "made with --size 256: give that"),
        ({**own, "weights": "def"}, "made with other weights"),
        ({**own, "method": "annealed-mean"}, "made with the read-out 'annealed-mean'"),
        (["size"], "not understood"),
    ):
        place.write_text(json.dumps({"koala-hints": 1, "settings": told, "pictures": {}}), "utf-8")
        with pytest.raises(UsageError, match=re.escape(way_out)):
            apply_decisions([str(place)], str(scans), [], settings=own)
    place.write_text(json.dumps({"koala-hints": 1, "settings": own, "pictures": {}}), "utf-8")
    assert apply_decisions([str(place)], str(scans), [], settings=own).jobs == []
