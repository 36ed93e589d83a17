"""Encoders of films: what they cost."""

import gc
from fractions import Fraction
from pathlib import Path

import av
import pytest

from koalacli.io.film.encode import SegmentWriter, Wanted, plan_encoder
from koalacli.io.film.info import FilmInfo
from koalacli.io.film.planes import PIXEL_FORMATS, ColorTags

WIDTH, HEIGHT = 640, 360


def resident_mib() -> float:
    """Memory of this process now."""
    path = Path("/proc/self/statm")
    if not path.exists():
        pytest.skip("only Linux tells memory here")
    return int(path.read_text().split()[1]) * 4096 / 2**20


def test_a_finished_segment_gives_its_memory_back(tmp_path: Path) -> None:
    """An encoder, with all frames that it holds, goes with its segment, not with a later garbage collection."""
    tags = ColorTags(1, 1, 1, 1)
    info = FilmInfo(
        WIDTH,
        HEIGHT,
        "yuv420p",
        PIXEL_FORMATS["yuv420p"],
        tags,
        Fraction(1),
        Fraction(1, 25),
        Fraction(25),
        0,
        Fraction(0),
    )
    plan = plan_encoder(info, ".mp4", "", Wanted(info.pixel_format, crf=30, preset="faster"))
    gc.collect()
    gc.disable()
    try:
        used = []
        for number in range(4):
            writer = SegmentWriter(tmp_path / f"{number}.packets", plan)
            for pts in range(30):
                frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
                frame.pts, frame.time_base = pts, plan.time_base
                writer.write(frame)
            writer.finish()
            del writer
            used.append(resident_mib())
    finally:
        gc.enable()
    assert used[-1] - used[0] < 15
