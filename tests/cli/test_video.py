"""`koala video` as a user calls it."""

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from schemas import read_events
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.cli.video import frames_line
from koalacli.io.film.frames import film_length, frame_at
from koalacli.records import Progress

FLAGS = ["--size", "64", "--encoder-preset", "ultrafast"]


@pytest.fixture
def run(colorizer: Any) -> Any:
    """Calls koala with a network that is loaded once for all tests."""
    return partial(CliRunner().invoke, obj=colorizer)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A gray film of one second."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"}, width=64, height=48)
        stream.codec_context.time_base = Fraction(1, 25)
        for number in range(25):
            gray = np.add.outer(np.arange(48), np.arange(64) + number).astype(np.uint8) * 2
            frame = av.VideoFrame.from_ndarray(gray, "gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def test_a_film_lands_beside_its_source(film: Path, run: Any) -> None:
    """NAME.color with the source's container; beside it only the journal is left; a rerun skips."""
    done = run(app, ["video", str(film), *FLAGS])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in film.parent.glob("[!.]*")) == ["film.color.mp4", "film.mp4"]
    assert f"{film} -> {film.with_name('film.color.mp4')}" in done.stderr
    assert "1 film colorized · " in done.stderr
    page = film.parent / "pages" / "family.html"
    again = run(app, ["video", str(film), *FLAGS, "--gallery", str(page)])
    assert again.exit_code == 0
    assert "output exists" in again.stderr
    assert page.read_text("utf-8").count('type="range"') == 1


def test_a_gallery_shows_the_same_frame_twice(film: Path, run: Any) -> None:
    """Of a part of a film, the frame in its middle, before and after: the same luma."""
    made = film.with_name("part.mp4")
    done = run(app, ["video", str(film), str(made), *FLAGS, "--start", "0.4", "--crf", "0"])
    assert done.exit_code == 0, done.output
    middle = film_length(made) / 2
    before, after = frame_at(film, 0.4 + middle), frame_at(made, middle)
    lightness = [cv2.cvtColor(rgb8, cv2.COLOR_RGB2YCrCb)[..., 0].astype(int) for rgb8 in (before, after)]
    assert np.abs(lightness[0] - lightness[1]).mean() < 3  # what is neighboring differs by some 10 at the edge
    other = cv2.cvtColor(frame_at(film, middle), cv2.COLOR_RGB2YCrCb)[..., 0].astype(int)
    assert np.abs(other - lightness[1]).mean() > 6


def test_events_tell_frames_and_end(film: Path, run: Any) -> None:
    """--json: start, progress, one record, summary."""
    done = run(app, ["video", str(film), *FLAGS, "--json"])
    events = read_events("pictures", done.stdout)
    assert events[0]["event"] == "start"
    assert events[-1]["event"] == "summary"
    progress = [event for event in events if event["event"] == "progress"]
    assert progress[-1]["done"] == 25
    assert [event["outcome"] for event in events if event["event"] == "picture"] == ["done"]


def test_exit_codes(film: Path, tmp_path: Path, run: Any) -> None:
    """3 where there is no film, 2 for a wrong request, 1 for a film that cannot be read."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.mkv").write_bytes(b"no film")
    assert run(app, ["video", str(tmp_path / "nowhere.mp4")]).exit_code == 3
    assert run(app, ["video", str(tmp_path / "empty")]).exit_code == 3
    assert run(app, ["video", str(film), "-o", str(film)]).exit_code == 2
    assert run(app, ["video", str(film), "-o", "x.txt"]).exit_code == 2
    assert run(app, ["video", str(film), "--codec", "nonsense"]).exit_code == 2
    assert run(app, ["video", str(film), "--crf", "99"]).exit_code == 2
    assert run(app, ["video", str(film), "--preview", "-1"]).exit_code == 2
    assert run(app, ["video", str(film), "--fps", "24"]).exit_code == 2
    failed = run(app, ["video", str(tmp_path / "bad.mkv")])
    assert failed.exit_code == 1
    assert "bad.mkv" in failed.stderr


def test_the_time_left_is_for_the_whole_film() -> None:
    """From the speed of this run, not counting frames of earlier ones, and not before it is known."""
    line = frames_line(Progress("film.mp4", done=1100, total=2100, fresh=100, seconds=10.0))
    assert line == "52% · 10.0 frames/s · 0:01:40 left"
    early = frames_line(Progress("film.mp4", done=1001, total=2100, fresh=1, seconds=0.5))
    assert "left" not in early


def test_several_films_and_an_output(film: Path, tmp_path: Path, run: Any) -> None:
    """The last of several is the folder of the outputs, of two also their film; one film's name cannot hold two."""
    other = film.rename(tmp_path / "other.mp4")
    film.write_bytes(other.read_bytes())
    done = run(app, ["video", str(film), str(other), str(tmp_path / "color"), *FLAGS])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "color").glob("*.mp4")} == {"film.color.mp4", "other.color.mp4"}
    assert run(app, ["video", str(film), str(tmp_path / "new.mp4"), *FLAGS]).exit_code == 0
    assert (tmp_path / "new.mp4").is_file()
    assert run(app, ["video", str(film), str(other), "-o", str(tmp_path / "one.mp4"), *FLAGS]).exit_code == 2
