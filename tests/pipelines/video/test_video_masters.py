"""Films as scanners, editors and tapes give them: lossless codecs, 16 bits, timecode, bare streams, fields."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from koalacli.config import VideoConfig
from koalacli.errors import UsageError
from koalacli.io.film.timecode import shift_timecode
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.records import Outcome, Record

NTSC = Fraction(30000, 1001)


def write_master(
    path: Path, codec: str, pix_fmt: str, *, rate: Any = 25, form: str | None = None, tags: Any = None, combed: int = 0
) -> Path:
    """Eight gray frames of something that moves, 96x64; `combed` shifts every other line by half a frame's motion."""
    across, down = np.meshgrid(np.arange(96), np.arange(64))
    with av.open(str(path), "w", format=form) as film:
        stream = film.add_stream(codec, rate=rate, options={"qp": "0"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        stream.metadata.update(tags or {})
        for number in range(30 if combed else 8):
            moved = across + 9 * number + combed * (down % 2)
            wave = (np.sin(moved / 9) * np.cos(down / 25) * 0.4 + 0.5) * 65535
            frame = av.VideoFrame.from_ndarray(wave.astype(np.uint16), "gray16le").reformat(format=pix_fmt)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def color(source: Path, colorizer: Any, target: str, **settings: Any) -> Record:
    """Color a film into another file beside it."""
    job = FilmJob(str(source), str(source.with_name(target)))
    *_, record = colorize_film(job, VideoConfig(**settings), colorizer)
    return record


MASTERS = {  # source codec, pixel format, output -> codec and pixel format of the output, and what is said
    "ffv1.mkv": ("ffv1", "gray", "out.mkv", ("ffv1", "yuv420p"), "the source is ffv1"),
    "gray16.mkv": ("ffv1", "gray16le", "out.mkv", ("ffv1", "yuv420p16le"), "the source is ffv1"),
    "deep.mkv": ("ffv1", "yuv422p16le", "out.mkv", ("ffv1", "yuv422p16le"), "the source is ffv1"),
    "huff.avi": ("huffyuv", "yuv422p", "out.avi", ("huffyuv", "yuv422p"), "the source is huffyuv"),
    "ut.avi": ("utvideo", "yuv422p", "out.avi", ("utvideo", "yuv422p"), "the source is utvideo"),
    "raw.avi": ("rawvideo", "yuv420p", "out.mkv", ("ffv1", "yuv420p"), "the source is rawvideo"),
    "prores.mov": ("prores_ks", "yuv422p10le", "out.mov", ("prores", "yuv422p10le"), "the source is prores"),
    "ffv1_mp4.mkv": ("ffv1", "gray", "out.mp4", ("h264", "yuvj420p"), "is lossy; --codec source in .mkv keeps it"),
}


@pytest.mark.parametrize("name", MASTERS)
def test_masters_keep_their_kind_or_it_is_said(name: str, tmp_path: Path, contents: Any, colorizer: Any) -> None:
    """Lossless and mezzanine codecs stay what they are, with all bits, where the container can hold them."""
    codec, pix_fmt, target, expected, said = MASTERS[name]
    source = write_master(tmp_path / name, codec, pix_fmt)
    record = color(source, colorizer, target)
    assert record.outcome == Outcome.DONE
    assert said in record.reason
    with av.open(str(tmp_path / target)) as film:
        context = film.streams.video[0].codec_context
        assert (context.codec.canonical_name, context.pix_fmt) == expected
    before, after = contents(source), contents(tmp_path / target)
    if codec != "prores_ks" and "mp4" not in target:
        assert all(np.array_equal(*pair) for pair in zip(before.luma, after.luma, strict=True))
    assert max(np.ptp(plane) for plane in after.cbcr) > 8


def test_a_codec_that_is_asked_for_is_taken(tmp_path: Path, colorizer: Any) -> None:
    """--codec and --crf win over the master's own, which is said; `source` takes the kind of any film, or refuses."""
    source = write_master(tmp_path / "film.mkv", "ffv1", "gray")
    assert "libx264 is lossy" in color(source, colorizer, "one.mkv", codec="libx264").reason
    assert "libx264 is lossy" in color(source, colorizer, "two.mkv", crf=20).reason
    assert "lossy" not in color(source, colorizer, "three.mkv", crf=0).reason
    assert "lossy" not in color(source, colorizer, "four.mkv", codec="source").reason
    with pytest.raises(UsageError, match=r"\.webm cannot hold ffv1"):
        color(source, colorizer, "five.webm", codec="source")


@pytest.mark.parametrize(
    ("rate", "timecode", "start", "expected"),
    [
        (24, "01:00:00:00", "", "01:00:00:00"),
        (24, "01:00:00:20", "0.25", "01:00:01:02"),
        (NTSC, "00:00:59;28", "", "00:00:59;28"),
        (NTSC, "00:00:59;28", "0.1", "00:01:00;03"),
    ],
)
@pytest.mark.parametrize("target", ["out.mov", "out.mp4", "out.mkv"])
def test_timecode_is_made_anew(
    rate: Any, timecode: str, start: str, expected: str, target: str, tmp_path: Path, colorizer: Any
) -> None:
    """A track of timecode counts on from where a part starts, with dropped numbers, in whatever holds it."""
    source = write_master(tmp_path / "film.mov", "libx264", "yuv420p", rate=rate, tags={"timecode": timecode})
    assert color(source, colorizer, target, start=start, preset="ultrafast").outcome == Outcome.DONE
    with av.open(str(tmp_path / target)) as film:
        found = {key.lower(): value for key, value in film.streams.video[0].metadata.items()}
        assert found["timecode"] == expected
        assert [stream.type for stream in film.streams] == ["video"] + ["data"] * (target != "out.mkv")


def test_timecode_that_does_not_fit_is_said(tmp_path: Path, colorizer: Any) -> None:
    """AVI has no place for it."""
    source = write_master(tmp_path / "film.mov", "libx264", "yuv420p", tags={"timecode": "01:00:00:00"})
    assert "timecode does not fit into avi" in color(source, colorizer, "out.avi", preset="ultrafast").reason


def test_mxf_keeps_its_timecode(tmp_path: Path, colorizer: Any) -> None:
    """It stands in the header there."""
    source = write_master(tmp_path / "film.mxf", "mpeg2video", "yuv422p", tags={"timecode": "10:00:00:00"})
    color(source, colorizer, "out.mxf", start="0.12", preset="ultrafast")
    with av.open(str(tmp_path / "out.mxf")) as film:
        assert film.metadata["timecode"] == "10:00:00:03"
        assert [frame.pts for frame in film.decode(video=0)] == list(range(5))


@pytest.mark.parametrize(
    ("text", "frames", "rate", "expected"),
    [
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("00:00:59;59", 1, 2 * NTSC, "00:01:00;04"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("about noon", 1, Fraction(25), "about noon"),
    ],
)
def test_timecode_counts_on(text: str, frames: int, rate: Fraction, expected: str) -> None:
    """With and without dropped numbers, over midnight; what is no timecode stays."""
    assert shift_timecode(text, frames, rate) == expected


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("film.y4m", "wrapped_avframe", "yuv4mpegpipe"),
        ("film.m2v", "mpeg2video", None),
        ("film.h264", "libx264", "h264"),
    ],
)
def test_bare_streams_are_films(name: str, codec: str, form: str | None, tmp_path: Path, run: Any) -> None:
    """In a folder, too; the output's name keeps theirs, for there may be others of that stem."""
    write_master(tmp_path / name, codec, "yuv420p", form=form)
    assert run(tmp_path)[0] == 0
    with av.open(str(tmp_path / f"{name}.color.mkv")) as film:
        assert len(list(film.decode(video=0))) == 8


def test_combed_frames_that_are_not_marked_are_said(tmp_path: Path, contents: Any, colorizer: Any) -> None:
    """Half of the lines are of another moment: that is seen, and --deinterlace mends it."""
    whole = color(write_master(tmp_path / "whole.mp4", "libx264", "yuv420p", combed=0), colorizer, "o.mp4")
    assert "interlaced" not in whole.reason
    source = write_master(tmp_path / "film.mp4", "libx264", "yuv420p", combed=5)
    assert "looks interlaced" in color(source, colorizer, "kept.mp4", crf=0).reason
    assert "looks interlaced" not in color(source, colorizer, "clean.mp4", crf=0, deinterlace=True).reason

    def combing(name: str) -> float:
        luma = contents(tmp_path / name).luma[15].astype(int)
        return float(np.abs(2 * luma[1:-1] - luma[:-2] - luma[2:]).mean())

    assert combing("clean.mp4") < combing("kept.mp4") / 4
