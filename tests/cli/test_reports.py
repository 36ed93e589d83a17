"""What a run leaves besides its outputs: events, reports by suffix, a gallery, a log."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from faults_driver import Network
from numpy.typing import NDArray
from PIL import Image
from schemas import FOLDER, read_events
from typer.testing import CliRunner

from koalacli.cli.app import app

run = CliRunner().invoke


@pytest.fixture
def home(tmp_path: Path, gray: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder with scans: two gray ones, one in color, a broken one, notes."""
    (tmp_path / "scans").mkdir()
    for name in ("10.png", "9.jpg"):
        Image.fromarray(gray).save(tmp_path / "scans" / name)
    Image.fromarray(np.dstack([gray, gray[::-1], gray[:, ::-1]])).save(tmp_path / "scans" / "beach.png")
    (tmp_path / "scans" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (tmp_path / "scans" / "<b>notes.txt").write_text("who is who")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def koala(*words: str) -> tuple[str, str]:
    done = run(app, list(words), obj=Network())
    assert done.exit_code in (0, 1), done.output
    return done.stdout, done.stderr


def test_every_stream_follows_its_schema(home: Path) -> None:
    """Pictures, proofs, settings, machine and presets: each line has the number of its schema and nothing unnamed."""
    events = read_events("pictures", koala("colorize", "scans", "out", "--json", "--report", "report.json")[0])
    assert {event["event"] for event in events} == {"start", "picture", "notice", "summary"}
    told = "\n".join(json.dumps(event) for event in json.loads((home / "report.json").read_text()))
    assert [event["event"] for event in read_events("pictures", told)] == [event["event"] for event in events]
    proofs = read_events("pictures", koala("verify", "out", "--json")[0])
    assert sum(event["event"] == "proof" for event in proofs) >= 3
    read_events("pictures", koala("revert", "out", "gray", "--json")[0])
    read_events("pictures", koala("colorize", "scans", "out", "--dry-run", "--json")[0])
    read_events("config", koala("config", "colorize", "--json")[0])
    assert len(read_events("presets", koala("presets", "--json")[0])) > 3


def test_schemas_describe_every_name() -> None:
    """Each page of docs/schema says what it is, and each of its names what it means."""
    for page in FOLDER.glob("*.json"):
        schema = json.loads(page.read_text("utf-8"))
        assert schema["description"]
        for name, event in schema["$defs"].items():
            assert event["properties"]["event"]["const"] == name
            for key, entry in event["properties"].items():
                assert key in ("event", "schema") or entry.get("description"), f"{page.name}: {name}.{key}"


def test_a_report_follows_its_suffix(home: Path) -> None:
    """The same records as a table and as a page; another suffix is refused before any work."""
    koala("colorize", "scans", "out", "--report", "all.CSV")
    rows = list(csv.DictReader((home / "all.CSV").read_text("utf-8").splitlines()))
    assert {row["source"]: row["outcome"] for row in rows} == {
        "scans/10.png": "done",
        "scans/9.jpg": "done",
        "scans/beach.png": "done",
        "scans/torn.jpg": "failed",
        "scans/<b>notes.txt": "skipped",
    }
    assert next(row for row in rows if row["source"].endswith("beach.png"))["kind"] == "in color already, copied"
    koala("verify", "out", "--report", "proofs.csv")
    assert "bit" not in (home / "proofs.csv").read_text().splitlines()[0]
    assert "way,figure,exact" in (home / "proofs.csv").read_text().splitlines()[0]
    done = run(app, ["colorize", "scans", "other", "--report", "all.txt"])
    assert done.exit_code == 2
    assert "give a file name that ends in .json, .csv or .html" in done.stderr
    assert not (home / "other").exists()


def test_a_gallery_shows_everything_and_needs_nothing(home: Path) -> None:
    """Names in order of their numbers, the copy alone, the failure with its reason, no markup from names."""
    _, told = koala("colorize", "scans", "out", "--gallery", "family.html")
    assert "written: family.html" in told
    page = (home / "family.html").read_text()
    assert page.index("scans/9.jpg") < page.index("scans/10.png") < page.index("scans/beach.png")
    assert page.count('type="range"') == 2
    assert page.count('class="alone"') == 1
    assert "3 pictures, 1 failed" in page
    assert "failed: scans/torn.jpg: cannot be read as a picture" in page
    assert "&lt;b&gt;notes.txt" in page
    assert "<b>notes" not in page
    assert "://" not in page
    koala("colorize", "scans", "out", "--gallery", "again.html")  # nothing is left to do, and all is shown
    assert (home / "again.html").read_text().count('type="range"') == 2


def test_a_gallery_never_replaces_anything(home: Path) -> None:
    """Neither an input nor a page that is asked for twice."""
    wrong = run(app, ["colorize", "scans", "out", "--gallery", "scans/10.png"])
    assert "give a file name that ends in .html" in wrong.stderr
    wrong = run(app, ["colorize", "scans", "out", "--gallery", "a.html", "--report", "a.html"])
    assert wrong.exit_code == 2
    assert "goes there, too" in wrong.stderr


def test_a_log_tells_all_and_keeps_what_it_has(home: Path) -> None:
    """Times, the command, every input whatever the screen shows, errors; a second run is appended."""
    koala("colorize", "scans", "out", "-q", "--log-file", "logs/koala.log")
    lines = (home / "logs/koala.log").read_text().splitlines()
    assert all(line[:4].isdigit() and line[19] == " " for line in lines)
    assert any("skipped: scans/<b>notes.txt (not a picture" in line for line in lines)
    assert any("failed: scans/torn.jpg" in line for line in lines)
    assert any("done: scans/9.jpg -> out/9.jpg" in line for line in lines)
    assert "2 pictures colorized" in lines[-1]
    run(app, ["colorize", "nowhere", "-o", "out", "--log-file", "logs/koala.log"])
    more = (home / "logs/koala.log").read_text().splitlines()
    assert more[: len(lines)] == lines
    assert more[-1].endswith("koala: nowhere: no such file or folder")
    run(app, ["colorize", "nowhere", "-o", "out"])
    assert (home / "logs/koala.log").read_text().splitlines() == more


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scans/9.jpg", "is a picture or film by its name"),
        ("scans", "is a folder"),
        ("table.csv", "holds something else than a log"),
        ("/dev/full", "is a link or a device"),
    ],
)
def test_a_log_replaces_nothing(home: Path, name: str, words: str) -> None:
    """What is no log is not written to."""
    (home / "table.csv").write_text("a,b\n")
    done = run(app, ["colorize", "scans", "out", "--log-file", name])
    assert done.exit_code == 2
    assert words in done.stderr
    assert (home / "table.csv").read_text() == "a,b\n"


def test_a_bug_is_in_the_log(home: Path) -> None:
    """What nobody foresaw keeps its traceback, there too."""
    done = run(app, ["colorize", "scans", "out", "--log-file", "koala.log"], obj=object())
    assert isinstance(done.exception, AttributeError)
    assert "AttributeError" in (home / "koala.log").read_text()


def test_a_report_that_is_refused_leaves_what_is_there(home: Path) -> None:
    """Hints that are read are not written over, a link stays a link, and a mistyped input costs no earlier report."""
    (home / "hints.json").write_text("[]")
    (home / "link.json").symlink_to("mine.json")
    (home / "mine.json").write_text("mine")
    for words in (
        ["scans", "out", "--hints", "hints.json", "--report", "hints.json"],
        ["scans", "out", "--report", "link.json"],
        ["nowhere", "out", "--report", "mine.json"],
    ):
        assert run(app, ["colorize", *words], obj=Network()).exit_code in (2, 3)
    assert (home / "hints.json").read_text() == "[]"
    assert (home / "link.json").is_symlink()
    assert (home / "mine.json").read_text() == "mine"
