"""Long runs of `koala video`: interrupted, killed, out of space, damaged; and parts of films."""

import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import VideoConfig
from koalacli.errors import InputError, OutputError, StorageFullError, UnsupportedError, UsageError
from koalacli.io.video_mux import decoding_times
from koalacli.pipelines import video_film
from koalacli.pipelines.video import color_video, plan_jobs
from koalacli.pipelines.video_film import color_film
from koalacli.pipelines.video_plan import FilmJob, parse_time
from koalacli.records import Outcome, Progress, Record

ROOT = Path(__file__).resolve().parents[2]
LONG = {"pts": list(range(0, 40 * 90, 40)), "cut_at": 50, "width": 128, "height": 96}
SETTINGS = {"crf": 12, "preset": "ultrafast"}


@pytest.fixture
def colorizer(small_colorizer: Any) -> Any:
    """A quick one."""
    return small_colorizer


def finish(source: Path, colorizer: Any, **settings: Any) -> Record:
    """Run a film to its end; its record."""
    config = VideoConfig(**{**SETTINGS, **settings})
    *_, record = color_film(FilmJob(str(source), str(source.with_name("out.mp4"))), config, colorizer)
    assert isinstance(record, Record)
    return record


def run_alone(source: Path, output: Path) -> subprocess.Popen[str]:
    """`koala video` in a process of its own, with segments of about 12 frames."""
    code = (
        "import sys; from koalacli.pipelines import video_film; video_film.SEGMENT_SECONDS = 0.4\n"
        "video_film.PROGRESS_SECONDS = 0\n"
        "from koalacli.cli.app import main; main()"
    )
    flags = ["--size", "64", "--crf", "12", "--preset", "ultrafast", "--json", "-o", str(output)]
    return subprocess.Popen(
        [sys.executable, "-c", code, "video", str(source), *flags],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_stopped_run_goes_on_to_the_same_frames(
    sign: signal.Signals,
    code: int,
    film: Any,
    contents: Any,
    colorizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Killed or interrupted at a random frame and started again, a film decodes to the frames of an unbroken run."""
    source, broken, whole = film("film.mkv", **LONG), tmp_path / "broken.mkv", tmp_path / "whole.mkv"
    stop_at = random.randint(25, 70)
    with run_alone(source, broken) as running:
        for line in running.stdout:
            if (event := json.loads(line)).get("done", 0) >= stop_at and event["event"] == "progress":
                running.send_signal(sign)
                break
        running.communicate(timeout=60)
    assert running.returncode == code
    assert not broken.exists()
    monkeypatch.setattr(video_film, "SEGMENT_SECONDS", 0.4)
    *_, second, _ = color_film(FilmJob(str(source), str(broken)), VideoConfig(**SETTINGS), colorizer)
    *_, unbroken, _ = color_film(FilmJob(str(source), str(whole)), VideoConfig(**SETTINGS), colorizer)
    assert second.done == unbroken.done == unbroken.fresh == 90
    assert second.fresh < 90, "finished segments are not made again"
    one, other = contents(whole), contents(broken)
    assert one.times == other.times
    for pair in zip(one.luma + one.chroma, other.luma + other.chroma, strict=True):
        assert np.array_equal(*pair)
    assert one.packets == other.packets
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mkv", "film.mkv", "whole.mkv"]


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
    room: int, segments: int, film: Any, colorizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No room: one line that says so, exit 1, no part of a file; with room again the run goes on where it was."""
    monkeypatch.setattr(video_film, "SEGMENT_SECONDS", 0.4)
    monkeypatch.setattr("koalacli.pipelines.video.Colorizer", lambda *_args, **_kwargs: colorizer)
    source, output = film("film.mkv", **LONG), tmp_path / "out.mp4"
    flags = ["video", str(source), "-o", str(output), "--size", "64", "--crf", "0", "--preset", "ultrafast"]
    with largest_file(room):
        done = CliRunner().invoke(app, flags)
    assert done.exit_code == 1
    assert re.search(r"koala: .*no space left; .*free some space", done.stderr)
    assert not output.exists()
    kept = [path.suffix for path in tmp_path.glob(".out.mp4.koala/*")]
    assert kept.count(".packets") >= segments
    assert ".mp4" not in kept
    *progress, record = color_film(FilmJob(str(source), str(output)), VideoConfig(crf=0, preset="ultrafast"), colorizer)
    assert record.outcome == Outcome.DONE
    assert bool(progress) == (segments == 0), "finished segments are not made again"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv", "out.mp4"]


def test_a_film_is_made_by_one_run_at_a_time(film: Any, colorizer: Any, tmp_path: Path) -> None:
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
            finish(source, colorizer)
        other.kill()
    assert (folder / "lock").exists()
    assert finish(source, colorizer).outcome == Outcome.DONE
    assert not folder.exists()


def test_a_full_disk_stops_a_folder(film: Any, colorizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing more can be written, the run ends instead of failing film by film."""
    film("one.mp4")

    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(video_film.SegmentWriter, "finish", full)
    monkeypatch.setattr("koalacli.pipelines.video.Colorizer", lambda *_args, **_kwargs: colorizer)
    with pytest.raises(StorageFullError, match="no space left"):
        list(color_video(str(tmp_path), VideoConfig(**SETTINGS)))


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_a_truncated_film_is_colored_as_far_as_it_goes(name: str, film: Any, contents: Any, colorizer: Any) -> None:
    """The frames that are left are written; the record names the damage with its time and fails."""
    source = film(name, audio=0, options={"preset": "ultrafast", "crf": "10"}, **LONG)
    if name.endswith("mp4"):  # the index has to stand at the front, else nothing is left to read
        front = source.with_name("front.mp4")
        with av.open(str(source)) as given, av.open(str(front), "w", options={"movflags": "faststart"}) as made:
            stream = made.add_stream_from_template(given.streams.video[0], opaque=True)
            for packet in given.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    made.mux(packet)
        source = front
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    record = finish(source, colorizer)
    assert record.outcome == Outcome.FAILED
    assert "damaged" in record.reason
    assert " 0:00:0" in record.reason
    result = contents(source.with_name("out.mp4"))
    assert 20 < len(result.times) < 90


def test_a_film_that_ends_in_the_middle_of_a_box_is_damaged(film: Any, colorizer: Any) -> None:
    """Fragmented mp4 states no length, but its outermost boxes do."""
    source = film("film.mp4", audio=0, **LONG)
    pieces = source.with_name("pieces.mp4")
    with av.open(str(source)) as given, av.open(str(pieces), "w", options={"movflags": "frag_keyframe"}) as made:
        stream = made.add_stream_from_template(given.streams.video[0], opaque=True)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    pieces.write_bytes(pieces.read_bytes()[: pieces.stat().st_size * 8 // 10])
    record = finish(pieces, colorizer)
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
def test_what_is_no_film_is_named(data: bytes, reason: str, tmp_path: Path, colorizer: Any) -> None:
    """Empty and foreign files end as one line about the file."""
    source = tmp_path / ("x.txt" if "text" in reason else "x.mp4")
    source.write_bytes(data)
    with pytest.raises(InputError, match=rf"x\.(mp4|txt).*{reason}"):
        finish(source, colorizer)
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_film_without_frames_is_named(film: Any, colorizer: Any) -> None:
    """A video stream that holds nothing is an error of the file."""
    with pytest.raises(InputError, match=r"x\.mp4"):
        finish(film("x.mp4", pts=[]), colorizer)


def test_a_part_of_a_film(film: Any, contents: Any, colorizer: Any) -> None:
    """--start and --end take frames, sound and chapters of that part, and begin at time 0."""
    source = film("film.mp4", chapters=True, **LONG)
    record = finish(source, colorizer, start="0:00:01", end="2")
    result = contents(source.with_name("out.mp4"))
    assert record.outcome == Outcome.DONE
    assert result.times == [Fraction(number, 25) for number in range(25)]
    assert 0.9 < len(result.packets[1]) * 1024 / 48000 < 1.1


@pytest.mark.parametrize(("layout", "width"), [("side", 256), ("split", 128)])
def test_a_preview_shows_before_and_after(layout: str, width: int, film: Any, contents: Any, colorizer: Any) -> None:
    """Gray on the left, color on the right, for so many seconds."""
    source = film("film.mp4", **LONG)
    finish(source, colorizer, preview=0.4, preview_layout=layout)
    result = contents(source.with_name("out.mp4"))
    assert result.size == (width, 96)
    assert len(result.times) == 10
    left, right = np.split(np.abs(result.chroma[3].astype(int) - 128), 2, axis=2)
    assert left[..., :-4].max() <= 2
    assert right.max() > 4


@pytest.mark.parametrize(("colored", "kept"), [("recolor", False), ("copy", True)])
def test_color_that_is_there(colored: str, kept: bool, film: Any, contents: Any, colorizer: Any) -> None:
    """Shots in color keep theirs with copy, and are made anew with recolor."""
    source = film("film.mp4", color=True)
    finish(source, colorizer, colored=colored, crf=0)
    before, after = contents(source), contents(source.with_name("out.mp4"))
    same = all(np.array_equal(one, other) for one, other in zip(before.chroma, after.chroma, strict=True))
    assert same == kept


def test_color_films_are_skipped_if_asked(film: Any, colorizer: Any) -> None:
    """--colored skip leaves a color film alone and takes a gray one."""
    assert finish(film("film.mp4", color=True), colorizer, colored="skip").outcome == Outcome.SKIPPED
    assert finish(film("film.mp4"), colorizer, colored="skip").outcome == Outcome.DONE


def test_interlaced_films_keep_their_fields(film: Any, colorizer: Any, tmp_path: Path) -> None:
    """The order of fields is carried over, and said; --deinterlace makes whole pictures."""
    source = film("film.mp4", options={"preset": "ultrafast", "flags": "+ildct+ilme", "x264-params": "tff=1"})
    assert "interlaced" in finish(source, colorizer).reason
    with av.open(str(tmp_path / "out.mp4")) as result:
        assert next(result.decode(video=0)).interlaced_frame
    (tmp_path / "out.mp4").unlink()
    assert "interlaced" not in finish(source, colorizer, deinterlace=True).reason
    with av.open(str(tmp_path / "out.mp4")) as result:
        frames = list(result.decode(video=0))
        assert not frames[0].interlaced_frame
        assert len(frames) == 20


def test_subtitles_that_do_not_fit_are_found_before_the_first_frame(film: Any, colorizer: Any) -> None:
    """srt into mp4: converted and said, refused with --subtitles copy, left out with drop."""
    source = film("film.mkv", subtitles="srt")
    assert "converted to mov_text" in finish(source, colorizer).reason
    output = source.with_name("out.mp4")
    with av.open(str(output)) as result:
        texts = [bytes(packet) for packet in result.demux(subtitles=0) if packet.size > 2]
    assert [text[2:] for text in texts] == [b"line 0", b"line 300"]
    output.unlink()
    with pytest.raises(UsageError, match="does not fit"):
        finish(source, colorizer, subtitles="copy")
    finish(source, colorizer, subtitles="drop", no_audio=True)
    with av.open(str(output)) as result:
        assert [stream.type for stream in result.streams] == ["video"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codec": "nonsense"}, "no such encoder"),
        ({"codec": "libvpx-vp9", "preset": "", "encoder_option": ("nonsense=1",)}, "no option 'nonsense'"),
        ({"preset": "warp"}, "refuses its settings"),
        ({"encoder_option": ("crf",)}, "KEY=VALUE"),
        ({"pix_fmt": "rgb24"}, "choose one of"),
        ({"start": "soon"}, "is no time"),
        ({"start": "2", "end": "1"}, "is not after"),
        ({"crf": 52}, "takes 0 .best. to 51"),
        ({"preview": -1.0}, "number of seconds"),
        ({"fps": "24"}, "keeps its own times"),
    ],
)
def test_wrong_requests_are_refused_at_once(
    settings: dict[str, Any], message: str, film: Any, colorizer: Any, tmp_path: Path
) -> None:
    """A setting that cannot be met is one line, before anything is written."""
    source = film("film.mp4")
    with pytest.raises(UsageError, match=message):
        finish(source, colorizer, **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused(transfer: int, name: str, film: Any, colorizer: Any, tmp_path: Path) -> None:
    """PQ and HLG cannot be colored rightly, and koala says so, and a way out, instead of trying."""
    source = film("film.mkv", tags=(9, 9, transfer, 1), pix_fmt="yuv420p10le")
    with pytest.raises(UnsupportedError, match=rf"film\.mkv: high dynamic range \({name}\).*convert it"):
        finish(source, colorizer)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]


def test_another_container_holds_what_it_can(film: Any, colorizer: Any) -> None:
    """What does not fit is dropped and said, with the container that keeps it; the film itself is whole."""
    source = film("film.mkv", audio=2, subtitles="srt", attachment=True)
    for name, missing in {
        "film.ts": ["subtitle", "attachment"],
        "film.avi": ["subtitle", "attachment"],
        "film.webm": ["audio"],
        "other.mkv": [],
    }.items():
        config = VideoConfig(preset="ultrafast", encoder_option=("deadline=realtime",) * name.endswith("webm"))
        job = FilmJob(str(source), str(source.with_name(name)))
        *_, progress, record = color_film(job, config, colorizer)
        assert (record.outcome, progress.done) == (Outcome.DONE, 20)
        said = [remark.split()[0] for remark in record.reason.split("; ") if "dropped (.mkv keeps it)" in remark]
        assert sorted(set(said)) == sorted(missing)


def test_an_encoder_without_the_depth_gets_a_deeper_one(film: Any, contents: Any, colorizer: Any) -> None:
    """ProRes has 10 bits: 8-bit luma is shifted up, and that is said."""
    source = film("film.mov", audio=0)
    job = FilmJob(str(source), str(source.with_name("out.mov")))
    *_, record = color_film(job, VideoConfig(codec="prores_ks"), colorizer)
    assert "as yuv422p10le only" in record.reason
    assert "no --crf" in record.reason
    one, other = contents(source).luma[5].astype(int), contents(source.with_name("out.mov")).luma[5].astype(int)
    assert np.abs(one * 4 - other).mean() < 8


def test_a_folder_is_colored_and_a_rerun_does_nothing(film: Any, colorizer: Any, tmp_path: Path) -> None:
    """Films beside damaged files: each is done or named; outputs are not taken for inputs."""
    (tmp_path / "deep").mkdir()
    shutil.move(film("one.mp4"), tmp_path / "deep" / "one.mp4")
    film("two.mkv")
    (tmp_path / "bad.mov").write_bytes(b"?" * 500)
    config = VideoConfig(**SETTINGS)
    first = [one for one in color_video(str(tmp_path), config) if isinstance(one, Record)]
    assert sorted(one.outcome for one in first) == [Outcome.DONE, Outcome.DONE, Outcome.FAILED]
    assert (tmp_path / "deep" / "one.color.mp4").is_file()
    again = [one for one in color_video(str(tmp_path), config) if isinstance(one, Record)]
    assert sorted(one.outcome for one in again) == [Outcome.FAILED, Outcome.SKIPPED, Outcome.SKIPPED]


def test_a_part_without_frames_leaves_nothing(film: Any, colorizer: Any, tmp_path: Path) -> None:
    """Beyond the end, and for a stream that is not there: an error, and no work folder."""
    source = film("film.mp4")
    for settings in ({"start": "100"}, {"track": 2}, {"track": -1}):
        with pytest.raises(InputError, match=r"film\.mp4: there is no"):
            finish(source, colorizer, **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_requests_that_would_lose_a_film_are_refused(tmp_path: Path) -> None:
    """Two films that would become one file, a folder that would become a file, and a pipe."""
    for name in ("one.wmv", "one.mkv"):
        (tmp_path / name).write_bytes(b"?")
    with pytest.raises(UsageError, match=r"one\.mkv and .*one\.wmv would both become .*one\.color\.mkv"):
        plan_jobs(str(tmp_path), VideoConfig())
    with pytest.raises(UsageError, match="need a folder"):
        plan_jobs(str(tmp_path), VideoConfig(output="all.mp4"))
    os.mkfifo(tmp_path / "pipe.mkv")
    with pytest.raises(UsageError, match="is no file"):
        plan_jobs(str(tmp_path / "pipe.mkv"), VideoConfig())


def test_progress_tells_the_whole_film(film: Any, colorizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first report on, the expected number of frames is known."""
    monkeypatch.setattr(video_film, "PROGRESS_SECONDS", 0)
    source = film("film.mp4", **LONG)
    first, *_ = color_film(FilmJob(str(source), str(source.with_name("o.mp4"))), VideoConfig(**SETTINGS), colorizer)
    assert isinstance(first, Progress)
    assert (first.done, first.total) == (1, 90)


def test_times_of_decoding_rise_and_come_first() -> None:
    """For any order of B-frames, over the joints of segments."""
    pts = [0, 80, 40, 160, 120, 200, 280, 240]
    dts = list(decoding_times(pts))
    assert all(one < other for one, other in itertools.pairwise(dts))
    assert all(one <= other for one, other in zip(dts, pts, strict=True))


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1:30", 90), ("0:01:30.5", Fraction(181, 2))])
def test_times_as_people_write_them(text: str, seconds: Fraction) -> None:
    """Seconds, minutes and hours."""
    assert parse_time(text) == seconds
