"""Parts of films, previews, and what is asked of containers, encoders and folders."""

import itertools
import os
import re
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from koalacli.config import VideoConfig
from koalacli.errors import InputError, UnsupportedError, UsageError
from koalacli.io.film.mux import decoding_times
from koalacli.io.film.open import parse_time
from koalacli.pipelines.video import film as video_film
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.pipeline import colorize_video, plan_jobs
from koalacli.pipelines.video.plan import FilmJob
from koalacli.records import Outcome, Progress, Record

SETTINGS = {"crf": 12, "encoder_preset": "ultrafast"}


def test_a_part_of_a_film(contents: Any, long_film: Any, finish: Any) -> None:
    """--start and --end take frames, sound and chapters of that part, and begin at time 0."""
    source = long_film("film.mp4", chapters=True)
    record = finish(source, start="0:00:01", end="2")
    result = contents(source.with_name("out.mp4"))
    assert record.outcome == Outcome.DONE
    assert result.times == [Fraction(number, 25) for number in range(25)]
    assert 0.9 < len(result.packets[1]) * 1024 / 48000 < 1.1


@pytest.mark.parametrize(("layout", "width"), [("side", 256), ("split", 128)])
def test_a_preview_shows_before_and_after(layout: str, width: int, contents: Any, long_film: Any, finish: Any) -> None:
    """Gray on the left, color on the right, for so many seconds."""
    source = long_film("film.mp4")
    finish(source, preview=0.4, preview_layout=layout)
    result = contents(source.with_name("out.mp4"))
    assert result.size == (width, 96)
    assert len(result.times) == 10
    left, right = np.split(np.abs(result.cbcr[3].astype(int) - 128), 2, axis=2)
    assert left[..., :-4].max() <= 2
    assert right.max() > 4


@pytest.mark.parametrize(("colored", "kept"), [("recolor", False), ("copy", True)])
def test_color_that_is_there(colored: str, kept: bool, film: Any, contents: Any, finish: Any) -> None:
    """Shots in color keep theirs with copy, and are made anew with recolor."""
    source = film("film.mp4", color=True)
    finish(source, colored=colored, crf=0)
    before, after = contents(source), contents(source.with_name("out.mp4"))
    same = all(np.array_equal(one, other) for one, other in zip(before.cbcr, after.cbcr, strict=True))
    assert same == kept


def test_color_films_are_skipped_if_asked(film: Any, finish: Any) -> None:
    """--colored skip leaves a color film alone and takes a gray one."""
    assert finish(film("film.mp4", color=True), colored="skip").outcome == Outcome.SKIPPED
    assert finish(film("film.mp4"), colored="skip").outcome == Outcome.DONE


@pytest.mark.parametrize("colored", ["auto", "skip"])
def test_a_film_in_color_is_left_alone_and_that_is_said(colored: str, film: Any, finish: Any) -> None:
    """Unless its color is to be made anew."""
    source = film("film.mp4", color=True)
    record = finish(source, colored=colored)
    assert (record.outcome, record.kind) == (Outcome.SKIPPED, "in color already, left alone")
    assert not source.with_name("out.mp4").exists()


def test_a_toned_film_is_colored(film: Any, contents: Any, finish: Any) -> None:
    """Sepia says nothing that luma does not say, and is made anew."""
    source = film("film.mp4", toned=True)
    assert finish(source, crf=0).outcome == Outcome.DONE
    before, after = contents(source), contents(source.with_name("out.mp4"))
    assert np.abs(before.cbcr[3].astype(int) - after.cbcr[3]).max() > 4


def test_a_dry_run_tells_what_a_film_takes_and_writes_nothing(film: Any, run: Any, tmp_path: Path) -> None:
    """Frames, scenes, codec, time and size; what is there already is said as in a real run."""
    source = film("film.mp4", cut_at=8)
    code, said = run(source, "--dry-run")
    told = " ".join(said.split())
    assert (code, sorted(tmp_path.iterdir())) == (0, [source]), said
    assert re.search(
        r"film\.color\.mp4 \(20 frames, 2 scenes, libx264, about 0:00:0\d, about [\d.]+ MB of picture", told
    ), told
    assert "nothing was done" in told
    assert run(source)[0] == 0
    assert "there already" in run(source, "--dry-run")[1]


def test_films_are_chosen_and_named_by_patterns(film: Any, run: Any, tmp_path: Path) -> None:
    """--include, --exclude and --name mean what they mean for pictures; what they made is no input of the next run."""
    for name in ("a.mp4", "b.mp4", "c.mkv"):
        film(name, audio=0, pts=[0, 40])
    chosen = ("--include", "*.mp4", "--exclude", "b*", "--name", "{stem} in color.{ext}")
    assert run(tmp_path, *chosen)[0] == 0
    assert sorted(path.name for path in tmp_path.glob("*.m*")) == ["a in color.mp4", "a.mp4", "b.mp4", "c.mkv"]
    again = run(tmp_path, *chosen, "--exclude", "a.mp4")
    assert "no films found" in again[1], "what koala made under another name is no input"
    assert "with .{ext} at its end" in run(tmp_path, "--name", "x")[1]


def test_interlaced_films_keep_their_fields(film: Any, tmp_path: Path, finish: Any) -> None:
    """The order of fields is carried over, and said; --deinterlace makes whole pictures."""
    source = film("film.mp4", options={"preset": "ultrafast", "flags": "+ildct+ilme", "x264-params": "tff=1"})
    assert "interlaced" in finish(source).reason
    with av.open(str(tmp_path / "out.mp4")) as result:
        assert next(result.decode(video=0)).interlaced_frame
    (tmp_path / "out.mp4").unlink()
    assert "interlaced" not in finish(source, deinterlace=True).reason
    with av.open(str(tmp_path / "out.mp4")) as result:
        frames = list(result.decode(video=0))
        assert not frames[0].interlaced_frame
        assert len(frames) == 20


def test_subtitles_that_do_not_fit_are_found_before_the_first_frame(film: Any, finish: Any) -> None:
    """srt into mp4: converted and said, refused with --subtitles copy, left out with drop."""
    source = film("film.mkv", subtitles="srt")
    assert "converted to mov_text" in finish(source).reason
    output = source.with_name("out.mp4")
    with av.open(str(output)) as result:
        texts = [bytes(packet) for packet in result.demux(subtitles=0) if packet.size > 2]
    assert [text[2:] for text in texts] == [b"line 0", b"line 300"]
    output.unlink()
    with pytest.raises(UsageError, match="does not fit"):
        finish(source, subtitles="copy")
    finish(source, subtitles="drop", no_audio=True)
    with av.open(str(output)) as result:
        assert [stream.type for stream in result.streams] == ["video"]


def test_a_film_that_is_given_is_not_the_output_of_another(film: Any) -> None:
    """By the name that koala would give; --on-exist overwrite would have replaced it."""
    one, other = film("a.mp4", audio=0), film("a.color.mp4", audio=0)
    with pytest.raises(UsageError, match=r"replace the input .*a\.color\.mp4"):
        list(colorize_video([str(one), str(other)], VideoConfig(on_exist="overwrite")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codec": "nonsense"}, "no such encoder"),
        ({"codec": "libvpx-vp9", "encoder_preset": "", "encoder_option": ("nonsense=1",)}, "no option 'nonsense'"),
        ({"encoder_preset": "warp"}, "refuses its settings"),
        ({"encoder_option": ("crf",)}, "KEY=VALUE"),
        ({"pix_fmt": "rgb24"}, "choose one of"),
        ({"start": "soon"}, "is no time"),
        ({"start": "2", "end": "1"}, "is not after"),
        ({"crf": 52}, "takes 0 .best. to 51"),
        ({"preview": -1.0}, "give a number, 0 or more"),
        ({"fps": "24"}, "keeps its own times"),
    ],
)
def test_wrong_requests_are_refused_at_once(
    settings: dict[str, Any], message: str, film: Any, tmp_path: Path, finish: Any
) -> None:
    """A setting that cannot be met is one line, before anything is written."""
    source = film("film.mp4")
    with pytest.raises(UsageError, match=message):
        finish(source, **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused(transfer: int, name: str, film: Any, tmp_path: Path, finish: Any) -> None:
    """PQ and HLG cannot be colored rightly, and koala says so, and a way out, instead of trying."""
    source = film("film.mkv", tags=(9, 9, transfer, 1), pix_fmt="yuv420p10le")
    with pytest.raises(UnsupportedError, match=rf"film\.mkv: high dynamic range \({name}\).*convert it"):
        finish(source)
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
        config = VideoConfig(encoder_preset="ultrafast", encoder_option=("deadline=realtime",) * name.endswith("webm"))
        job = FilmJob(str(source), str(source.with_name(name)))
        *_, progress, record = colorize_film(job, config, colorizer)
        assert (record.outcome, progress.done) == (Outcome.DONE, 20)
        said = [remark.split()[0] for remark in record.reason.split("; ") if "dropped (.mkv keeps it)" in remark]
        assert sorted(set(said)) == sorted(missing)


def test_an_encoder_without_the_depth_gets_a_deeper_one(film: Any, contents: Any, colorizer: Any) -> None:
    """ProRes has 10 bits: 8-bit luma is shifted up, and that is said."""
    source = film("film.mov", audio=0)
    job = FilmJob(str(source), str(source.with_name("out.mov")))
    *_, record = colorize_film(job, VideoConfig(codec="prores_ks"), colorizer)
    assert "as yuv422p10le only" in record.reason
    assert "neither --crf" in record.reason
    one, other = contents(source).luma[5].astype(int), contents(source.with_name("out.mov")).luma[5].astype(int)
    assert np.abs(one * 4 - other).mean() < 8


def test_a_folder_is_colored_and_a_rerun_does_nothing(film: Any, colorizer: Any, tmp_path: Path) -> None:
    """Films beside damaged files: each is done or named; outputs are not taken for inputs."""
    (tmp_path / "deep").mkdir()
    shutil.move(film("one.mp4"), tmp_path / "deep" / "one.mp4")
    film("two.mkv")
    (tmp_path / "bad.mov").write_bytes(b"?" * 500)
    config = VideoConfig(**SETTINGS)
    first = [one for one in colorize_video(str(tmp_path), config, colorizer) if isinstance(one, Record)]
    assert sorted(one.outcome for one in first) == [Outcome.DONE, Outcome.DONE, Outcome.FAILED]
    assert (tmp_path / "deep" / "one.color.mp4").is_file()
    again = [one for one in colorize_video(str(tmp_path), config, colorizer) if isinstance(one, Record)]
    assert sorted(one.outcome for one in again) == [Outcome.FAILED, Outcome.SKIPPED, Outcome.SKIPPED]


def test_a_part_without_frames_leaves_nothing(film: Any, tmp_path: Path, finish: Any) -> None:
    """Beyond the end, and for a stream that is not there: an error, and no work folder."""
    source = film("film.mp4")
    for settings in ({"start": "100"}, {"track": 2}):
        with pytest.raises(InputError, match=r"film\.mp4: there is no"):
            finish(source, **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_requests_that_would_lose_a_film_are_refused(tmp_path: Path) -> None:
    """Films become files of their own, a folder does not become a file, and a pipe cannot be read twice."""
    for name in ("one.wmv", "one.mkv"):
        (tmp_path / name).write_bytes(b"?")
    targets = [Path(job.target).name for job in plan_jobs(str(tmp_path), VideoConfig())[0]]
    assert targets == ["one.color.mkv", "one.wmv.color.mkv"]
    with pytest.raises(UsageError, match="need a folder"):
        plan_jobs(str(tmp_path), VideoConfig(output="all.mp4"))
    os.mkfifo(tmp_path / "pipe.mkv")
    with pytest.raises(UsageError, match="is no file"):
        plan_jobs(str(tmp_path / "pipe.mkv"), VideoConfig())


def test_progress_tells_the_whole_film(colorizer: Any, monkeypatch: pytest.MonkeyPatch, long_film: Any) -> None:
    """From the first report on, the expected number of frames is known."""
    monkeypatch.setattr(video_film, "PROGRESS_SECONDS", 0)
    source = long_film("film.mp4")
    first, *_ = colorize_film(FilmJob(str(source), str(source.with_name("o.mp4"))), VideoConfig(**SETTINGS), colorizer)
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


@pytest.mark.parametrize("text", ["1e400", "9999999999999999", "nan", "inf", "-1", "1:2:3:4", ""])
def test_times_that_no_film_has_are_refused(text: str) -> None:
    """What FFmpeg could not count is no time, either."""
    with pytest.raises(UsageError, match="is no time"):
        parse_time(text)
