"""Films that are interrupted, killed, out of space, damaged, or none."""

import errno
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import VideoConfig
from koalacli.errors import InputError, OutputError, StorageFullError
from koalacli.journal import JOURNAL
from koalacli.pipelines.video import film as video_film
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.pipeline import colorize_video
from koalacli.pipelines.video.plan import FilmJob
from koalacli.records import Outcome

ROOT = Path(__file__).resolve().parents[3]


SETTINGS = {"crf": 12, "encoder_preset": "ultrafast", "size": 64}


def run_alone(source: Path, output: Path) -> subprocess.Popen[str]:
    """`koala video` in a process of its own, with segments of about 12 frames."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "from koalacli.pipelines.video import film; from painter import Painter\n"
        "film.SEGMENT_SECONDS, film.PROGRESS_SECONDS = 0.4, 0\n"
        "from koalacli.cli.app import main; main(Painter())"
    )
    flags = ["--size", "64", "--crf", "12", "--encoder-preset", "ultrafast", "--json", "-o", str(output)]
    return subprocess.Popen(
        [sys.executable, "-c", code, "video", str(source), *flags],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGHUP, 130)])
def test_a_stopped_run_goes_on_to_the_same_bytes(
    sign: signal.Signals,
    code: int,
    colorizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    long_film: Any,
) -> None:
    """Killed or interrupted at a random frame and started again, a film becomes the file of an unbroken run."""
    source, broken, whole = long_film("film.mkv"), tmp_path / "broken.mkv", tmp_path / "whole.mkv"
    stop_at = random.randint(25, 45)  # of 90: the signal comes well before the end
    with run_alone(source, broken) as running:
        for line in running.stdout:
            if (event := json.loads(line)).get("done", 0) >= stop_at and event["event"] == "progress":
                running.send_signal(sign)
                break
        running.communicate(timeout=60)
    assert running.returncode == code
    assert not broken.exists()
    monkeypatch.setattr(video_film, "SEGMENT_SECONDS", 0.4)
    *_, second, _ = colorize_film(FilmJob(str(source), str(broken)), VideoConfig(**SETTINGS), colorizer)
    *_, unbroken, _ = colorize_film(FilmJob(str(source), str(whole)), VideoConfig(**SETTINGS), colorizer)
    assert second.done == unbroken.done == unbroken.fresh == 90
    assert second.fresh < 90, "finished segments are not made again"
    assert whole.read_bytes() == broken.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [JOURNAL, "broken.mkv", "film.mkv", "whole.mkv"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system refuses to make any file larger than so many bytes, as a full disk would."""
    handler, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize(("room", "segments"), [(6_000, 0), (120_000, 8)], ids=["segment", "final file"])
def test_a_full_disk_keeps_what_is_finished(
    room: int, segments: int, colorizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, long_film: Any
) -> None:
    """No room: one line that says so, exit 1, no part of a file; with room again the run goes on where it was."""
    monkeypatch.setattr(video_film, "SEGMENT_SECONDS", 0.4)
    source, output = long_film("film.mkv"), tmp_path / "out.mp4"
    flags = ["video", str(source), "-o", str(output), "--size", "64", "--crf", "0", "--encoder-preset", "ultrafast"]
    with largest_file(room):
        done = CliRunner().invoke(app, flags, obj=colorizer)
    assert done.exit_code == 1
    assert re.search(r"koala: .*no space left.*; free some and run again", done.stderr)
    assert not output.exists()
    kept = [path.suffix for path in tmp_path.glob(".out.mp4.koala/*/*")]
    assert kept.count(".packets") >= segments
    assert ".mp4" not in kept
    *progress, record = colorize_film(
        FilmJob(str(source), str(output)), VideoConfig(**{**SETTINGS, "crf": 0}), colorizer
    )
    assert record.outcome == Outcome.DONE
    assert bool(progress) == (segments == 0), "finished segments are not made again"
    assert sorted(path.name for path in tmp_path.iterdir()) == [JOURNAL, "film.mkv", "out.mp4"]


def test_a_film_is_made_by_one_run_at_a_time(film: Any, tmp_path: Path, finish: Any) -> None:
    """A second run is told who is at work; a killed one does not block, and its lock file means nothing."""
    source, folder = film("film.mp4"), tmp_path / ".out.mp4.koala"
    code = (
        "import pathlib, sys; from koalacli.io.locks import FolderLock\n"
        "lock = FolderLock(pathlib.Path(sys.argv[1])); print(lock.take(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with pytest.raises(OutputError, match=rf"out\.mp4: another run .*process {other.pid}.*another --output"):
            finish(source)
        other.kill()
    assert (folder / "lock").exists()
    assert finish(source).outcome == Outcome.DONE
    assert not folder.exists()


def test_a_full_disk_stops_a_folder(film: Any, colorizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing more can be written, the run ends instead of failing film by film."""
    film("one.mp4")

    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(video_film.SegmentWriter, "finish", full)
    with pytest.raises(StorageFullError, match="no space left"):
        list(colorize_video(str(tmp_path), VideoConfig(**SETTINGS), colorizer))


def repack(source: Path, target: Path, movflags: str) -> None:
    """Copy the picture's packets into an mp4 that is laid out otherwise."""
    with av.open(str(source)) as given, av.open(str(target), "w", options={"movflags": movflags}) as made:
        stream = made.add_stream_from_template(given.streams.video[0], opaque=True)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_a_truncated_film_is_colored_as_far_as_it_goes(name: str, contents: Any, long_film: Any, finish: Any) -> None:
    """The frames that are left are written; the record names the damage with its time and fails."""
    source = long_film(name, audio=0, options={"preset": "ultrafast", "crf": "10"})
    if name.endswith("mp4"):  # the index has to stand at the front, else nothing is left to read
        front = source.with_name("front.mp4")
        repack(source, front, "faststart")
        source = front
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    record = finish(source)
    assert record.outcome == Outcome.FAILED
    assert "damaged" in record.reason
    assert " 0:00:0" in record.reason
    result = contents(source.with_name("out.mp4"))
    assert 20 < len(result.times) < 90


def test_a_film_that_grows_meanwhile_is_no_whole_one(film: Any, colorizer: Any) -> None:
    """One that is still being copied gives no output that would look finished; a rerun takes all of it."""
    source = film("film.ts", audio=0)
    job, grown = FilmJob(str(source), str(source.with_name("out.ts"))), source.read_bytes() * 2
    run = colorize_film(job, VideoConfig(**SETTINGS), colorizer)
    next(run)
    source.write_bytes(grown)
    with pytest.raises(InputError, match=r"film\.ts: the film changed while it was colored"):
        list(run)
    assert not Path(job.target).exists()
    *_, record = colorize_film(job, VideoConfig(**SETTINGS), colorizer)
    assert Path(job.target).exists()
    assert "changed" not in record.reason


def test_a_read_that_fails_is_not_told_as_a_write(film: Any, finish: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a disk can be read no more at the very end, the output is not to blame."""

    def fail(path: Path) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("koalacli.io.film.source.breaks_off", fail)
    assert finish(film("film.mp4", audio=0)).outcome == Outcome.DONE


def test_a_film_that_ends_in_the_middle_of_a_box_is_damaged(long_film: Any, finish: Any) -> None:
    """Fragmented mp4 states no length, but its outermost boxes do."""
    source = long_film("film.mp4", audio=0)
    pieces = source.with_name("pieces.mp4")
    repack(source, pieces, "frag_keyframe")
    pieces.write_bytes(pieces.read_bytes()[: pieces.stat().st_size * 8 // 10])
    record = finish(pieces)
    assert record.outcome == Outcome.FAILED
    assert "breaks off at 0:00:0" in record.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"not a film at all" * 100, "cannot be read"),
        (cv2.imencode(".jpg", np.zeros((48, 64), np.uint8))[1].tobytes(), "a picture.*koala colorize"),
        (Path(__file__).read_bytes(), "a text"),
    ],
    ids=["nothing", "junk", "picture", "text"],
)
def test_what_is_no_film_is_named(data: bytes, reason: str, tmp_path: Path, finish: Any) -> None:
    """Empty and foreign files end as one line about the file."""
    source = tmp_path / ("x.txt" if "text" in reason else "x.mp4")
    source.write_bytes(data)
    with pytest.raises(InputError, match=rf"x\.(mp4|txt).*{reason}"):
        finish(source)
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_film_without_frames_is_named(film: Any, finish: Any) -> None:
    """A video stream that holds nothing is an error of the file."""
    with pytest.raises(InputError, match=r"x\.mp4"):
        finish(film("x.mp4", pts=[]))
