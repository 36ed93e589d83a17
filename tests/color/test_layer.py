"""A layer of color, put on by the formula of the standard."""

import numpy as np
import pytest
from numpy.typing import NDArray

from koalacli.color.join import colorize_pixels
from koalacli.color.lab import lightness_of
from koalacli.color.layer import color_layer


def lum(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """W3C Compositing and Blending Level 1: Lum."""
    return 0.3 * rgb[..., :1] + 0.59 * rgb[..., 1:2] + 0.11 * rgb[..., 2:]


def blend(below: NDArray[np.uint8], layer: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Blend mode Color as the standard has it: SetLum with ClipColor, then simple alpha compositing; 0..255."""
    backdrop = np.dstack([below] * 3) / 255
    source = layer / 255
    mixed = source + lum(backdrop) - lum(source)
    light, least, most = lum(mixed), mixed.min(-1, keepdims=True), mixed.max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        mixed = np.where(least < 0, light + (mixed - light) * light / (light - least), mixed)
        mixed = np.where(most > 1, light + (mixed - light) * (1 - light) / (most - light), mixed)
    share = alpha[..., None] / 255
    return 255 * (share * mixed + (1 - share) * backdrop)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_blend_mode_color_gives_the_colored_picture(gray: NDArray[np.uint8], dtype: type) -> None:
    """On the gray photograph the layer gives koala's color, within a rounding of codes, at the mode's own lightness."""
    ab = np.random.default_rng(0).normal(0, 25, (15, 20, 2)).astype(np.float32)
    depth = np.iinfo(dtype).max // 255
    pixels = gray.astype(dtype) * depth
    colored = colorize_pixels(pixels, lightness_of(gray), ab, dtype)
    layer, alpha = color_layer(colored)
    blended, wanted = blend(gray, layer, alpha), colored / depth
    difference = np.abs((blended - lum(blended)) - (wanted - lum(wanted)))
    room = np.minimum(gray, 255 - gray) > 16  # elsewhere the mode takes color away, also where it is faint
    inside = room & (blended.min(-1) > 1) & (blended.max(-1) < 254)
    assert inside.mean() > 0.5
    assert difference[inside].max() < 1.5
    assert np.abs(lum(blended)[..., 0] - gray).max() < 1


def test_gray_is_transparent() -> None:
    """Where there is no color there is no layer, so that it does not repeat the photograph."""
    codes = np.arange(256, dtype=np.uint8)
    _, alpha = color_layer(np.dstack([codes[None]] * 3))
    assert not alpha.any()


def test_the_strongest_colors_have_room() -> None:
    """Every corner of the rgb cube keeps its distance from gray."""
    corners = np.array([[[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)]], np.uint8)
    layer, alpha = color_layer(corners)
    assert np.abs((layer - lum(layer.astype(float))) - (corners - lum(corners.astype(float))))[alpha > 0].max() < 1
