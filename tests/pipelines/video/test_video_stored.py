"""`koala video` where films lie in object stores: fetched one at a time, put in place whole, gone on with anywhere."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from painter import Painter

from koalacli.config import VideoConfig
from koalacli.io import storage
from koalacli.pipelines.video import film as video_film
from koalacli.pipelines.video.pipeline import colorize_video
from koalacli.pipelines.video.staging import scratch_folder
from koalacli.records import Outcome, Progress, Record

SETTINGS: dict[str, Any] = {"crf": 20, "encoder_preset": "ultrafast"}
TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where films are staged."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def source(film: Callable[..., Path]) -> Path:
    """A film of five segments with sound and subtitles."""
    return film("film.mkv", subtitles="srt", pts=list(range(0, 40 * 50, 40)), cut_at=30)


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ten frames."""
    monkeypatch.setattr(video_film, "SEGMENT_SECONDS", 0.4)
    monkeypatch.setattr(video_film, "PROGRESS_SECONDS", 0)


def color(source: str, output: str, painter: Painter | None = None) -> list[Progress | Record]:
    """Progress and records of a run."""
    news = colorize_video(source, VideoConfig(**SETTINGS, output=output), painter or Painter())
    return [one for one in news if isinstance(one, Progress | Record)]


def color_here(source: Path) -> bytes:
    """What a run from folder to folder makes."""
    *_, record = color(str(source), str(source.with_name("here.mkv")))
    assert isinstance(record, Record)
    assert record.outcome == Outcome.DONE, record.reason
    return Path(record.target).read_bytes()


def objects(place: str) -> dict[str, bytes]:
    """Below a place, by name."""
    return {one.place.removeprefix(f"{place}/"): storage.read_object(one.place) for one in storage.list_objects(place)}


def noted(place: str) -> list[str]:
    """Outcomes in the journal, as they follow each other."""
    parts = {name: data for name, data in objects(place).items() if name.startswith(".koala-journal/")}
    lines = [json.loads(line) for name in sorted(parts) for line in parts[name].splitlines()]
    return [line["outcome"] for line in lines if "path" in line]


def test_a_film_comes_from_a_store_and_goes_to_one(source: Path, scratch: Path) -> None:
    """The very bytes, with all tracks, that a run in folders makes; a rerun asks for nothing; nothing is left here."""
    whole = color_here(source)
    storage.send_file(source, "memory://one/in/film.mkv")
    first, second = "memory://one/in/film.mkv", "memory://one/out/color.mkv"
    *_, record = color(first, second)
    assert isinstance(record, Record)
    assert (record.source, record.target, record.outcome) == (first, second, Outcome.DONE), record.reason
    assert objects("memory://one/out")["color.mkv"] == whole
    assert noted("memory://one/out") == ["done"]
    assert {name.partition("/")[0] for name in objects("memory://one/out")} == {"color.mkv", ".koala-journal"}
    (again,) = color(first, second)
    assert isinstance(again, Record)
    assert again.outcome == Outcome.SKIPPED
    assert list(scratch.iterdir()) == []


def test_films_of_a_prefix_are_mirrored_into_a_folder_and_a_folder_into_a_prefix(source: Path, scratch: Path) -> None:
    """Under the names that a run in folders gives; what koala made, and what is no film, is left alone."""
    for name in ("reels/a.mkv", "reels/b/c.mkv", "reels/a.color.mkv", "reels/.d.mkv", "reels/notes.txt"):
        storage.send_file(source, f"memory://two/{name}")
    output = source.with_name("out")
    color("memory://two/reels", str(output))
    made = {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("[!.]*.mkv")}
    assert made.keys() == {"a.color.mkv", "b/c.color.mkv"}
    color(str(output.with_name("film.mkv")), "memory://two/from-here/")
    assert objects("memory://two/from-here")["film.color.mkv"] == made["a.color.mkv"]
    assert list(scratch.iterdir()) == []


def test_work_goes_on_in_another_folder(source: Path, scratch: Path) -> None:
    """As on another machine: finished segments are fetched, not made again; a film that changed begins anew."""
    whole = color_here(source)
    storage.send_file(source, "memory://three/film.mkv")
    course = colorize_video("memory://three/film.mkv", VideoConfig(**SETTINGS), Painter())
    for news in course:
        if isinstance(news, Progress) and news.done > 25:
            break
    course.close()  # type: ignore[attr-defined]  # a generator
    assert list(scratch.iterdir()) == []
    assert "film.color.mkv" not in objects("memory://three")
    first, *_, record = color("memory://three/film.mkv", "")
    assert isinstance(first, Progress)
    assert first.done - first.fresh >= 20
    assert isinstance(record, Record)
    assert record.outcome == Outcome.DONE, record.reason
    assert objects("memory://three")["film.color.mkv"] == whole
    assert not [name for name in objects("memory://three") if ".koala/" in name]


def test_a_run_that_is_killed_leaves_no_half_film_in_the_store(
    s3_server: str, source: Path, scratch: Path, tmp_path: Path
) -> None:
    """kill -9 in the middle: a rerun goes on from the segments that were sent, and tidies up what was left here."""
    whole = color_here(source)
    storage._protocol_store("s3").mkdir("films")
    storage.send_file(source, "s3://films/film.mkv")
    code = (
        "import sys; from painter import Painter; from koalacli.pipelines.video import film\n"
        "from koalacli.config import VideoConfig; from koalacli.pipelines.video.pipeline import colorize_video\n"
        "film.SEGMENT_SECONDS, film.PROGRESS_SECONDS = 0.4, 0\n"
        "config = VideoConfig(crf=20, encoder_preset='ultrafast', output='s3://films/out/color.mkv')\n"
        "for _ in colorize_video('s3://films/film.mkv', config, Painter(pause=0.4)): pass"
    )
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(scratch)}
    ) as killed:
        deadline = time.monotonic() + 90
        sent: list[str] = []
        while not sent and time.monotonic() < deadline and killed.poll() is None:
            time.sleep(0.1)
            store = storage._protocol_store("s3")
            sent = [name for name in store.find("films/out") if name.endswith("journal.jsonl")]
        killed.kill()
    assert sent
    assert "films/out/color.mkv" not in storage._protocol_store("s3").find("films/out")
    (left,) = scratch.iterdir()
    os.utime(left, (0, 0))
    first, *_, record = color("s3://films/film.mkv", "s3://films/out/color.mkv")
    assert isinstance(first, Progress)
    assert first.done > first.fresh
    assert isinstance(record, Record)
    assert record.outcome == Outcome.DONE, record.reason
    assert objects("s3://films/out")["color.mkv"] == whole
    assert noted("s3://films/out") == ["done"]
    assert list(scratch.iterdir()) == []


def test_a_folder_that_a_process_has_is_left_alone(scratch: Path) -> None:
    """Only what nobody has any more is deleted, and nothing that is not koala's."""
    (scratch / "koala-film-mine").mkdir()
    (scratch / "koala-film-mine" / "lock").write_text("these are my notes")
    with scratch_folder() as first:
        for folder in scratch.iterdir():
            os.utime(folder, (0, 0))
        with scratch_folder():
            assert first.is_dir()
            assert (scratch / "koala-film-mine" / "lock").is_file()


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (("--ray",), "--ray: films in object stores are the work of one process; leave it out, or copy them"),
        (("--hints", "h.jsonl"), "--hints: is for films on this machine; copy the film here"),
        (("--decisions", "d.json"), "--decisions: is for films on this machine; copy the film here"),
        (("--references", "r"), "--references: is for films on this machine; copy the film here"),
        (("--export-scenes", "d"), "--export-scenes: is for films on this machine; copy the film here"),
        (("-o", "https://example.org/out"), "https://example.org/out: web servers can be read only"),
        (("-o", "out.gif"), "animations and numbered pictures are for folders on this machine"),
        (("-o", "memory://four/out.wmv"), "koala writes"),
    ],
)
def test_what_does_not_go_with_stores_is_refused(flags: tuple[str, ...], fault: str, source: Path, run: Any) -> None:
    """In one line with the way out."""
    storage.send_file(source, "memory://four/film.mkv")
    code, said = run("memory://four/film.mkv", *flags)
    assert code == 2
    assert fault in said.splitlines()[-1]
