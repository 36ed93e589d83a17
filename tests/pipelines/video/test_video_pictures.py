"""Animations and image sequences."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image

from koalacli.color.cbcr_video import VideoColor, luma_to_gray8
from koalacli.color.lab import lightness_of
from koalacli.config import VideoConfig
from koalacli.errors import InputError, NothingMatchedError, UsageError
from koalacli.io.film.planes import source_planes
from koalacli.io.film.source import FilmSource
from koalacli.io.picture.read import read_picture
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.pipelines.video.reels import colorize_pictures
from koalacli.records import Outcome

DURATIONS = [100, 40, 200, 40, 40]


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
    list(colorize_pictures(str(source), VideoConfig(), colorizer))
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
    list(colorize_pictures(str(folder / "%06d.png"), VideoConfig(), colorizer))
    names = sorted(path.name for path in (tmp_path / "frames.color").glob("*.png"))
    assert names == ["000007.png", "000008.png", "000010.png", "000011.png", "000012.png"]
    with Image.open(tmp_path / "frames.color" / "000010.png") as image:
        difference = lightness_of(np.asarray(image)) - lightness_of(drawn()[2])
    assert np.abs(difference).max() <= 0.6


def test_a_sequence_becomes_an_animation(tmp_path: Path, colorizer: Any) -> None:
    """--fps gives every frame its time, without drift."""
    for number, gray in enumerate(drawn()):
        Image.fromarray(gray).save(tmp_path / f"{number:03}.png")
    output = tmp_path / "out.webp"
    config = VideoConfig(output=str(output), fps="30")
    list(colorize_pictures(str(tmp_path / "%03d.png"), config, colorizer))
    with Image.open(output) as image:
        assert image.n_frames == 5


def test_a_sequence_becomes_a_film(tmp_path: Path, contents: Any, colorizer: Any) -> None:
    """Gray pictures give their very codes as Y, at the rate asked for; a gap is found before the first frame."""
    source, output = tmp_path / "%03d.png", tmp_path / "film.mp4"
    for number, gray in enumerate(drawn(), start=7):
        Image.fromarray(gray).save(tmp_path / f"{number:03}.png")
    config = VideoConfig(output=str(output), fps="24000/1001", crf=0, encoder_preset="ultrafast")
    *_, record = colorize_film(FilmJob(str(source), str(output)), config, colorizer)
    assert record.outcome == Outcome.DONE
    film = contents(output)
    assert film.times == [Fraction(1001 * number, 24000) for number in range(5)]
    assert all(np.array_equal(*pair) for pair in zip(film.luma, drawn(), strict=True))
    assert np.abs(film.cbcr[0].astype(int) - 128).max() > 4
    (tmp_path / "009.png").unlink()
    with pytest.raises(InputError, match=r"009\.png: is missing"):
        list(colorize_film(FilmJob(str(source), str(tmp_path / "other.mp4")), config, colorizer))


def test_rgb_pictures_become_limited_range(tmp_path: Path, contents: Any, colorizer: Any) -> None:
    """RGB is full in itself; the film made of it is as players expect, and what plays where is said."""
    for number in range(3):
        Image.fromarray(np.repeat(drawn()[number][..., None], 3, 2)).save(tmp_path / f"{number}.png")
    job = FilmJob(str(tmp_path / "%d.png"), str(tmp_path / "film.mp4"))
    *_, record = colorize_film(job, VideoConfig(crf=0, encoder_preset="ultrafast"), colorizer)
    film = contents(tmp_path / "film.mp4")
    assert "--pix-fmt yuv420p" in record.reason
    assert film.tags[3] == 1
    assert np.abs(film.luma[0] - (16 + drawn()[0] * (219 / 255))).max() <= 1


@pytest.mark.parametrize(("depth", "dtype"), [("", np.uint8), ("10le", np.uint16)])
def test_a_film_becomes_a_sequence(depth: str, dtype: Any, film: Any, tmp_path: Path, colorizer: Any) -> None:
    """Upright pictures counted from 1, with the film's luma in all its bits; those that are there stay."""
    lossless = {"options": {"preset": "ultrafast", "qp": "0"}, "pix_fmt": f"yuv420p{depth}"}
    source = film("film.mkv" if depth else "film.mp4", rotation=0 if depth else 90, audio=0, **lossless)
    pattern = str(tmp_path / "out" / "%04d.png")
    config = VideoConfig(output=pattern, end="0.2")
    *progress, record = colorize_pictures(str(source), config, colorizer)
    assert record.outcome == Outcome.DONE
    assert (progress[-1].done, progress[-1].total) == (5, 5)
    paths = sorted((tmp_path / "out").glob("*.png"))
    assert [path.name for path in paths] == [f"000{number}.png" for number in range(1, 6)]
    pixels = read_picture(paths[0]).pixels
    assert pixels.dtype == dtype
    assert pixels.shape[:2] == ((64, 96) if depth else (96, 64))
    with FilmSource(source) as opened:
        frame = next(opened.frames())
        gray = luma_to_gray8(source_planes(frame, opened.info.pixel_format)[0], VideoColor(depth=10 if depth else 8))
    shown = pixels if depth else np.rot90(pixels, -1)
    luma = (shown / np.iinfo(dtype).max) @ [0.299, 0.587, 0.114]
    assert np.abs(luma * 255 - gray).mean() < 1.5
    paths[2].write_bytes(b"mine")
    assert list(colorize_pictures(str(source), config, colorizer))[-1].outcome == Outcome.SKIPPED
    assert paths[2].read_bytes() == b"mine"


def test_wrong_requests(tmp_path: Path, colorizer: Any) -> None:
    """Nothing there, or a target of another kind, is said in one line."""
    with pytest.raises(NothingMatchedError, match="no such pictures"):
        list(colorize_pictures(str(tmp_path / "%03d.png"), VideoConfig(), colorizer))
    with pytest.raises(UsageError, match="becomes"):
        list(colorize_pictures(str(tmp_path / "a.mp4"), VideoConfig(output="a.gif"), colorizer))
    with pytest.raises(UsageError, match="--codec is for films"):
        list(colorize_pictures(str(tmp_path / "%03d.png"), VideoConfig(codec="ffv1"), colorizer))
    with pytest.raises(UsageError, match="--fps is for"):
        list(colorize_pictures(str(tmp_path / "a.gif"), VideoConfig(fps="24"), colorizer))


def test_pictures_are_made_again_with_other_settings(tmp_path: Path, colorizer: Any) -> None:
    """Of an animation and of a sequence: what koala made with other settings, and nothing else, is replaced."""
    for number, gray in enumerate(drawn(3)):
        Image.fromarray(gray).save(tmp_path / f"{number:03}.png")
    imageio.imwrite(tmp_path / "walk.webp", drawn(3), plugin="pillow", duration=[40] * 3, loop=0, lossless=True)

    def outcomes(**settings: Any) -> list[Outcome]:
        sequence = VideoConfig(output=str(tmp_path / "out" / "%03d.png"), **settings)
        runs = (("%03d.png", sequence), ("walk.webp", VideoConfig(**settings)))
        return [list(colorize_pictures(str(tmp_path / name), *rest, colorizer))[-1].outcome for name, *rest in runs]

    assert outcomes() == [Outcome.DONE] * 2
    assert outcomes() == [Outcome.SKIPPED] * 2
    (tmp_path / "out" / "003.png").write_bytes(b"mine")
    Image.fromarray(drawn(4)[3]).save(tmp_path / "003.png")
    assert outcomes(temporal="off") == [Outcome.DONE] * 2
    assert outcomes(temporal="off") == [Outcome.SKIPPED] * 2
    assert (tmp_path / "out" / "003.png").read_bytes() == b"mine"
