"""Films as scanners, editors and tapes give them: lossless codecs, 16 bits, timecode, bare streams, fields."""

import itertools
import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from koalacli.config import VideoConfig
from koalacli.errors import InputError, UnsupportedError, UsageError
from koalacli.io.film.encode import Wanted, plan_encoder
from koalacli.io.film.info import FilmInfo
from koalacli.io.film.planes import PIXEL_FORMATS, ColorTags
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
    assert color(source, colorizer, target, start=start, encoder_preset="ultrafast").outcome == Outcome.DONE
    with av.open(str(tmp_path / target)) as film:
        found = {key.lower(): value for key, value in film.streams.video[0].metadata.items()}
        assert found["timecode"] == expected
        assert [stream.type for stream in film.streams] == ["video"] + ["data"] * (target != "out.mkv")


def test_timecode_that_does_not_fit_is_said(tmp_path: Path, colorizer: Any) -> None:
    """AVI has no place for it."""
    source = write_master(tmp_path / "film.mov", "libx264", "yuv420p", tags={"timecode": "01:00:00:00"})
    assert "timecode does not fit into avi" in color(source, colorizer, "out.avi", encoder_preset="ultrafast").reason


def test_mxf_keeps_its_timecode(tmp_path: Path, colorizer: Any) -> None:
    """It stands in the header there."""
    source = write_master(tmp_path / "film.mxf", "mpeg2video", "yuv422p", tags={"timecode": "10:00:00:00"})
    color(source, colorizer, "out.mxf", start="0.12", encoder_preset="ultrafast")
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


def test_soft_telecine_keeps_its_uneven_times(tmp_path: Path, contents: Any, colorizer: Any) -> None:
    """Film frames that players show for three and two fields in turn stay one frame each, as long as before."""
    data = bytearray(write_master(tmp_path / "film.m2v", "mpeg2video", "yuv420p").read_bytes())
    fields = itertools.cycle(((1, 1), (0, 0), (0, 1), (1, 0)))  # top field first, first field repeated
    for match in re.finditer(rb"\x00\x00\x01\xb5", bytes(data)):
        place = match.start()
        if data[place + 4] >> 4 == 1:  # sequence extension: not all frames are progressive
            data[place + 5] &= ~0x08
        if data[place + 4] >> 4 == 8:  # picture coding extension
            top, repeated = next(fields)
            data[place + 7] = data[place + 7] & 0x7D | top << 7 | repeated << 1
    (tmp_path / "film.m2v").write_bytes(data)
    color(tmp_path / "film.m2v", colorizer, "out.mkv", encoder_preset="ultrafast")
    times = contents(tmp_path / "out.mkv").times
    steps = [round((later - time) * 1000) for time, later in itertools.pairwise(times)]
    assert steps[:6] == [60, 40, 60, 40, 60, 40]  # the parser guesses the last


def write_dpx(path: Path, samples: np.ndarray, *, first_is_low: bool) -> None:
    """A gray 10-bit DPX (SMPTE ST 268), three samples to a word; which end of it comes first differs by scanner."""
    head = bytearray(2048)
    struct.pack_into(">4sI4sxxxxI", head, 0, b"SDPX", 2048, b"V1.0", 2048 + samples.size // 3 * 4)
    struct.pack_into(">HHII", head, 768, 0, 1, samples.shape[1], samples.shape[0])
    struct.pack_into(">BBBBHHI", head, 800, 6, 2, 6, 10, 1, 0, 2048)
    low, middle, high = samples.reshape(-1, 3)[:, :: 1 if first_is_low else -1].T
    path.write_bytes(head + (high << 22 | middle << 12 | low << 2).astype(">u4").tobytes())


@pytest.mark.parametrize("first_is_low", [True, False])
def test_gray_dpx_is_read_right_or_not_at_all(
    first_is_low: bool, tmp_path: Path, contents: Any, colorizer: Any
) -> None:
    """What would come out with every three samples in reverse is refused, with the way out."""
    across, down = np.meshgrid(np.arange(96), np.arange(64))
    scans = [(8 * across + 3 * down + 20 * number) % 1024 for number in range(2)]
    for number, scan in enumerate(scans):
        write_dpx(tmp_path / f"{number:03}.dpx", scan, first_is_low=first_is_low)
    if not first_is_low:
        with pytest.raises(UnsupportedError, match=r"packed from the other end.*convert"):
            color(tmp_path / "%03d.dpx", colorizer, "film.mkv")
        return
    assert "ffv1" in color(tmp_path / "%03d.dpx", colorizer, "film.mkv").reason
    assert all(np.array_equal(*pair) for pair in zip(contents(tmp_path / "film.mkv").luma, scans, strict=True))


def test_a_sequence_that_is_still_being_written_is_not_taken_for_a_film(tmp_path: Path, colorizer: Any) -> None:
    """A hole is named and refused; a last picture that is half there is damage."""
    for number in (1, 2, 4):
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (48, 64), np.uint8)).save(
            tmp_path / f"{number}.png"
        )
    with pytest.raises(InputError, match=r"3\.png: is missing"):
        color(tmp_path / "%d.png", colorizer, "film.mkv")
    data = (tmp_path / "4.png").read_bytes()
    (tmp_path / "4.png").unlink()
    (tmp_path / "3.png").write_bytes(data[: len(data) // 2])
    record = color(tmp_path / "%d.png", colorizer, "film.mkv")
    assert (record.outcome, "damaged" in record.reason) == (Outcome.FAILED, True)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "ffv1", "prores_ks"])
def test_the_largest_film_of_cinemas_finds_an_encoder(codec: str) -> None:
    """8192x4320, and twice as wide for a preview side by side."""
    for width in (8192, 16384):
        info = FilmInfo(
            *(width, 4320, "yuv420p", PIXEL_FORMATS["yuv420p"], ColorTags(1, 1, 1, 1), Fraction(1), Fraction(1, 24)),
            *(Fraction(24), 0, Fraction(0)),
        )
        plan = plan_encoder(
            info, ".mov" if codec == "prores_ks" else ".mkv", codec, Wanted(info.pixel_format, preset="ultrafast")
        )
        assert (plan.width, plan.codec) == (width, codec)
