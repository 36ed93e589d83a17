"""`koala video` keeps what a film holds: frames, times, luma, tags, and every other stream."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koalacli.config import VideoConfig
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.records import Outcome, Record

LOSSLESS = {"crf": 0, "encoder_preset": "ultrafast", "temporal": "fast"}
UNEVEN = [0, 33, 67, 100, 250, 251, 400, 1000, 1033, 1500, 1501, 1502, 2000]


def color(source: Path, colorizer: Any, target: str = "", **settings: Any) -> tuple[Path, Record]:
    """Color a film losslessly; the output and its record."""
    output = source.with_name(target or f"out{source.suffix}")
    config = VideoConfig(**{**LOSSLESS, **settings})
    *_, record = colorize_film(FilmJob(str(source), str(output)), config, colorizer)
    assert isinstance(record, Record)
    return output, record


CASES = {
    "plain.mp4": {},
    "uneven.mp4": {"pts": UNEVEN},
    "uneven.mkv": {"pts": UNEVEN},
    "ntsc.mov": {"pts": [1001 * number for number in range(15)], "time_base": Fraction(1, 30000)},
    "late.mp4": {"pts": [500 + 40 * number for number in range(10)]},
    "ten.mkv": {"pix_fmt": "yuv420p10le", "options": {"preset": "ultrafast", "qp": "0"}},
    "gray.mkv": {"codec": "ffv1", "pix_fmt": "gray", "options": {}},
    "gray10.mkv": {"codec": "ffv1", "pix_fmt": "gray10le", "options": {}},
    "turned.mp4": {"rotation": 90},
    "odd.mkv": {"codec": "ffv1", "width": 97, "height": 65, "options": {}},
    "wide.mp4": {"sample_aspect": Fraction(4, 3)},
    "chapters.mkv": {"chapters": True},
    "chapters.mp4": {"chapters": True},
    "languages.mkv": {"audio": 2},
    "srt.mkv": {"subtitles": "srt", "audio": 2},
    "ass.mkv": {"subtitles": "ass"},
    "text.mp4": {"subtitles": "mov_text"},
    "silent.mov": {"audio": 0},
    "one.mp4": {"pts": [0]},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}, "audio_codec": "libopus"},
    "old.avi": {
        "options": {"preset": "ultrafast", "bf": "0"},
        "pts": list(range(20)),
        "time_base": Fraction(1, 25),
        "audio_codec": "mp3",
    },
    "cover.mp4": {"cover": True},
    "font.mkv": {"attachment": True},
    "full.mkv": {"tags": (1, 1, 1, 2)},
    "four.mkv": {"pix_fmt": "yuv444p"},
    "two.mkv": {"pix_fmt": "yuv422p", "tags": (9, 9, 14, 1)},
}


@pytest.mark.parametrize("name", CASES)
def test_everything_but_color_is_kept(name: str, film: Any, contents: Any, colorizer: Any) -> None:
    """Frames, times, Y, size, shape, tags, chapters, metadata and the packets of other streams are the source's."""
    source = film(name, **CASES[name])
    extra = ("qp=0",) if "ten" in name or "gray10" in name else ("lossless=1",) if "webm" in name else ()
    output, record = color(source, colorizer, encoder_option=extra)
    assert record.outcome == Outcome.DONE, record.reason
    before, after = contents(source), contents(output)
    # AVI holds no times of display; what FFmpeg guesses is late by a delay that depends on the encoder.
    late = (before.times[0], after.times[0]) if name.endswith("avi") else (0, 0)
    assert [time - late[1] for time in after.times] == [time - late[0] for time in before.times]
    assert after.size == before.size
    assert all(np.array_equal(one, other) for one, other in zip(before.luma, after.luma, strict=True))
    assert after.packets == before.packets
    assert [stream[2:] for stream in after.streams] == [stream[2:] for stream in before.streams]
    assert after.chapters == before.chapters
    assert after.metadata["title"] == before.metadata["title"]
    assert after.rotation == before.rotation
    assert after.sample_aspect == before.sample_aspect
    assert max(np.abs(plane.astype(int) - (128 if plane.dtype == np.uint8 else 512)).max() for plane in after.cbcr) > 4
    for number, tag in enumerate(after.tags):
        unspecified = (0,) if number == 3 else (2,)
        assert before.tags[number] in (tag, *unspecified)
