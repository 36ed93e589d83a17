"""Toned prints and scans with a cast count as gray, photographs in color do not; the network sees what was toned."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from koalacli.arrays import Array, Pixels
from koalacli.color.lab import lightness_of
from koalacli.color.tone import channel_of_toned, is_colored
from koalacli.colorizer import Colorizer

Tone = Callable[[Pixels], Pixels]
SEPIA = np.array([1.351, 1.203, 0.937], np.float32)  # the usual sepia filter: red and green are clipped


def sepia(gray: Pixels) -> Pixels:
    return np.clip(gray[..., None] * SEPIA, 0, 255).astype(np.uint8)


def duotone(dark: tuple[float, ...], light: tuple[float, ...]) -> Tone:
    """Ink of one color on paper of another."""
    return lambda gray: (gray[..., None] * (np.subtract(light, dark) / 255) + dark).round().astype(np.uint8)


def stained(gray: Pixels) -> Pixels:
    """Sepia that has yellowed at its edges."""
    rows, columns = (np.linspace(-1, 1, side) for side in gray.shape)
    age = 0.1 * (rows[:, None] ** 2 + columns**2)[..., None] * np.array([0.3, 0.6, 1.0])
    return (sepia(gray) * (1 - age)).astype(np.uint8)


def bordered(gray: Pixels) -> Pixels:
    return cv2.copyMakeBorder(sepia(gray), *[gray.shape[0] // 12] * 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def compressed(gray: Pixels) -> Pixels:
    large = cv2.resize(gray, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(".jpg", sepia(large)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


TONES = {
    "sepia": sepia,
    "cyanotype": duotone((10, 30, 77), (237, 242, 242)),
    "old brown ink": duotone((46, 28, 15), (245, 230, 194)),
    "cast": duotone((0, 0, 0), (255, 230, 205)),
    "stained": stained,
    "with a white border": bordered,
    "coarse JPEG": compressed,
    "gray": lambda gray: np.dstack([gray] * 3),
}


@pytest.mark.parametrize("tone", TONES)
def test_toned_pictures_count_as_gray(tone: str, gray: Pixels) -> None:
    """Sepia, cyanotype, casts, stains and paper borders are no color, at 8 and 16 bits."""
    toned = TONES[tone](gray)
    assert not is_colored(toned)
    assert not is_colored(toned.astype(np.uint16) * 257)


def test_photographs_in_color_are_in_color(shared: Path) -> None:
    """Of 64 color photographs, soft and strong, all but one that is nearly gray are taken for what they are."""
    photographs = sorted((shared / "eval/bsds64").glob("*.jpg"))
    colored = [path for path in photographs if is_colored(cv2.imread(str(path))[..., ::-1])]
    assert len(colored) >= len(photographs) - 1


@pytest.mark.parametrize(("tone", "channel"), [("sepia", 2), ("cyanotype", 0), ("gray", None), ("cast", 0)])
def test_the_channel_that_tells_most_is_seen(tone: str, channel: int | None, gray: Pixels) -> None:
    """Sepia is seen by its blue, which is not clipped; cyanotype by its red, which is widest; gray as it is."""
    toned = TONES[tone](gray)
    found = channel_of_toned(toned)
    assert (found is None) if channel is None else np.array_equal(found, toned[..., channel])


def test_color_is_never_taken_by_one_channel(gray: Pixels) -> None:
    """A picture of two independent colors is seen by its lightness."""
    assert channel_of_toned(np.dstack([gray, gray[::-1], gray])) is None


def test_sepia_gets_the_colors_of_its_gray_original(colorizer: Colorizer, gray: Pixels) -> None:
    """Seen by its channel, a sepia copy is colored nearly as the gray picture; by its lightness, it is not."""

    def color_of(pixels: Pixels) -> Array:
        return colorizer.predict([colorizer.shrink(lightness_of(pixels))]).ab[0]

    wanted, toned = color_of(gray), sepia(gray)
    channel = channel_of_toned(toned)
    assert channel is not None
    seen, by_lightness = (np.abs(color_of(pixels) - wanted).mean() for pixels in (channel, toned))
    assert seen < 0.5 * by_lightness
