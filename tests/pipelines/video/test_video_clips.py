"""`koala video` on real clips: two old films, a film with two of everything, phones' and screens' files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koalacli.config import VideoConfig
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.records import Outcome, Record

LOSSLESS = {"crf": 0, "encoder_preset": "ultrafast"}


WHOLE = 10**6
# Index of the stream that players show, and the seconds that are taken.
CLIPS = {
    "nasa_13013.mp4": (3, WHOLE),
    "bw_his_girl_friday_clip.mp4": (1, WHOLE),
    "stream-of-water.mp4": (0, WHOLE),
    "bw_a-bomb_blast_effects_part.mp4": (0, 3),
    "bikes.mp4": (0, 3),
    "flower.mp4": (0, 1),
}


@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_keep_everything_but_color(
    name: str, shared: Path, tmp_path: Path, contents: Any, network: Any
) -> None:
    """Frame count, pts and Y are the source's, and so is every packet of the other streams, with its time."""
    index, end = CLIPS[name]
    source, output = shared / "clips" / name, tmp_path / name
    config = VideoConfig(**LOSSLESS, colored="recolor", end="" if end == WHOLE else str(end))
    *_, record = colorize_film(FilmJob(str(source), str(output)), config, network)
    assert isinstance(record, Record)
    assert record.outcome == Outcome.DONE, record.reason
    before, after = contents(source, index), contents(output, index)
    assert after.times == [time for time in before.times if time < end]
    assert all(np.array_equal(one, other) for one, other in zip(before.luma, after.luma, strict=end == WHOLE))
    assert after.packets == {
        stream: [packet for packet in packets if packet[0] < end] for stream, packets in before.packets.items()
    }
    assert after.streams == before.streams
    assert (after.size, after.sample_aspect, after.rotation) == (before.size, before.sample_aspect, before.rotation)
    assert np.abs(after.cbcr[len(after.cbcr) // 2].astype(int) - 128).mean() > 1
