"""Pictures are decoded, judged, cut and weathered; color never leaks into lightness."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from koalacli.color.lab import rgb_to_lab
from koalacli.data.pictures import UnusableError, cut, decode, to_lab, weather
from koalacli.tables import AUGMENTATIONS, Augmentation


def colored(height: int = 80, width: int = 100, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth picture of many colors."""
    noise = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(rgb8: NDArray[np.uint8], suffix: str = ".png") -> bytes:
    """The bytes of a picture file."""
    return cv2.imencode(suffix, rgb8[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_every_format_is_decoded_as_rgb(suffix: str) -> None:
    """Channel order is right, and lossy formats stay near."""
    rgb8 = colored()
    difference = np.abs(decode(encoded(rgb8, suffix)).astype(int) - rgb8)
    assert difference.mean() < 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "corrupt"),
        (b"not a picture", "corrupt"),
        (encoded(colored())[:60], "corrupt"),
        (encoded(colored(20, 90)), "tiny"),
        (encoded(np.repeat(colored()[..., :1], 3, axis=2)), "gray"),
        (encoded((colored()[..., :1] * np.array([1.0, 0.9, 0.75])).astype(np.uint8)), "gray, or a single tint"),
    ],
)
def test_pictures_that_cannot_teach_are_refused_with_the_reason(content: bytes, reason: str) -> None:
    """Corrupt, tiny, gray and sepia pictures each say what is wrong."""
    with pytest.raises(UnusableError, match=reason):
        decode(content)


def test_fast_lab_is_near_the_exact_one() -> None:
    """OpenCV's conversion is within 0.4 units of the one that colorizing uses."""
    rgb8 = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.abs(to_lab(rgb8) - rgb_to_lab(rgb8.astype(np.float32) / 255)).max() < 0.4


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_cut_is_a_square_and_chance_is_repeatable(name: str) -> None:
    """Each augmentation gives the same square from the same source of chance."""
    one, two = (cut(colored(), 64, AUGMENTATIONS[name], np.random.default_rng(3)) for _ in range(2))
    assert one.shape == (64, 64, 3)
    np.testing.assert_array_equal(one, two)


def test_without_augmentation_the_middle_is_cut() -> None:
    """Validation always sees the same square."""
    rgb8 = colored(80, 100)
    np.testing.assert_array_equal(cut(rgb8, 80, Augmentation(), np.random.default_rng(9)), rgb8[:, 10:90])


def test_lightness_is_untouched_without_augmentation() -> None:
    """What validation shows the network is the picture's own lightness."""
    lightness = to_lab(colored())[..., 0]
    np.testing.assert_array_equal(
        weather(colored(), lightness, Augmentation(), np.random.default_rng(0))[..., 0], lightness
    )


def test_weathering_changes_lightness_within_bounds() -> None:
    """Film's tone, grain, blur and channel mix stay between black and white, and are moderate."""
    rgb8 = colored()
    lightness = np.ascontiguousarray(to_lab(rgb8)[..., 0])
    changed = [weather(rgb8, lightness, AUGMENTATIONS["film"], np.random.default_rng(seed)) for seed in range(40)]
    assert all(item.min() >= 0 and item.max() <= 100 for item in changed)
    assert 1 < np.mean([np.abs(item[..., 0] - lightness).mean() for item in changed]) < 25


def test_a_gray_picture_stays_itself_under_any_channel_mix() -> None:
    """Mixes have weight one in sum: gray is the same through every filter."""
    gray = np.repeat(colored()[..., :1], 3, axis=2)
    lightness = np.ascontiguousarray(to_lab(gray)[..., 0])
    for seed in range(8):
        mixed = weather(gray, lightness, Augmentation(mix=1.0), np.random.default_rng(seed))
        assert np.abs(mixed[..., 0] - lightness).max() < 0.3
