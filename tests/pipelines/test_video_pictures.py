"""Animations and image sequences."""

from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image

from koalacli.color.lab import lightness_of
from koalacli.config import VideoConfig
from koalacli.errors import NothingMatchedError, UsageError
from koalacli.pipelines.video_pictures import color_pictures

DURATIONS = [100, 40, 200, 40, 40]
CONFIG = {"size": 64}


def drawn(count: int = 5) -> np.ndarray:
    """Gray frames (N, 48, 64)."""
    wide = np.add.outer(np.arange(48) * 2, np.arange(100)).astype(np.uint8)
    return np.stack([wide[:, number : number + 64] for number in range(count)])


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_keep_frames_and_times(suffix: str, tmp_path: Path, colorizer: Any) -> None:
    """As many frames, each as long as before, in color; lightness as well as the format can."""
    source = tmp_path / f"walk{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    imageio.imwrite(source, drawn(), plugin="pillow", duration=DURATIONS, loop=0, **options)
    list(color_pictures(str(source), VideoConfig(**CONFIG), colorizer))
    output = tmp_path / f"walk.color{suffix}"
    frames = np.stack(list(imageio.imiter(output, plugin="pillow", mode="RGB")))
    assert len(frames) == 5
    with Image.open(output) as image:
        found = []
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            found.append(image.info["duration"])
    assert found == DURATIONS
    assert np.ptp(frames.astype(int), axis=-1).mean() > 2
    off = np.abs(lightness_of(frames[2])[..., 0] - lightness_of(drawn()[2])[..., 0])
    assert off.mean() < (3 if suffix == ".gif" else 0.6)


def test_sequences_keep_numbers_and_lightness(tmp_path: Path, colorizer: Any) -> None:
    """frames/%06d.png to frames.color/%06d.png under the same numbers, lossless."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, gray in zip((7, 8, 10, 11, 12), drawn(), strict=True):
        Image.fromarray(gray).save(folder / f"{number:06}.png")
    list(color_pictures(str(folder / "%06d.png"), VideoConfig(**CONFIG), colorizer))
    names = sorted(path.name for path in (tmp_path / "frames.color").iterdir())
    assert names == ["000007.png", "000008.png", "000010.png", "000011.png", "000012.png"]
    with Image.open(tmp_path / "frames.color" / "000010.png") as image:
        difference = lightness_of(np.asarray(image)) - lightness_of(drawn()[2])
    assert np.abs(difference).max() <= 0.6


def test_a_sequence_becomes_an_animation(tmp_path: Path, colorizer: Any) -> None:
    """--fps gives every frame its time, without drift."""
    for number, gray in enumerate(drawn()):
        Image.fromarray(gray).save(tmp_path / f"{number:03}.png")
    output = tmp_path / "out.webp"
    config = VideoConfig(output=str(output), fps="30", **CONFIG)
    list(color_pictures(str(tmp_path / "%03d.png"), config, colorizer))
    with Image.open(output) as image:
        assert image.n_frames == 5


def test_wrong_requests(tmp_path: Path, colorizer: Any) -> None:
    """Nothing there, or a target of another kind, is said in one line."""
    with pytest.raises(NothingMatchedError, match="no such pictures"):
        list(color_pictures(str(tmp_path / "%03d.png"), VideoConfig(**CONFIG), colorizer))
    with pytest.raises(UsageError, match="become"):
        list(color_pictures(str(tmp_path / "a.gif"), VideoConfig(output="a.mp4", **CONFIG), colorizer))
