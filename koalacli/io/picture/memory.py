"""Pillow's pictures in memory: what a program that uses koala has in its hands."""

import numpy as np
from PIL.Image import Image, fromarray

from koalacli.arrays import Pixels
from koalacli.errors import UnsupportedError
from koalacli.io.picture.read import decode

__all__ = ["Image", "make_image", "take_image"]  # Image for annotations in rooms that Pillow is fenced off from

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")


def take_image(image: Image) -> tuple[Pixels, Pixels | None]:
    """Pixels and alpha of a picture, of an animation the frame that it stands at, as in `picture.Frame`.

    It is not turned; a color profile is applied.

    Raises:
        UnsupportedError: it has more than 8 bits, which Pillow cannot hold in color.
    """
    if image.mode not in MODES:
        raise UnsupportedError(
            f"a picture of mode {image.mode}: Pillow has no color of that depth; give the array, uint8 or uint16"
        )
    return decode(image, [])


def make_image(rgb8: Pixels, alpha: Pixels | None = None) -> Image:
    """A picture (H, W, 3) with its alpha (H, W), uint8, where there is some."""
    return fromarray(rgb8 if alpha is None else np.dstack([rgb8, alpha]))
