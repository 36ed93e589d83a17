"""Palettes: how frequent colors are, of one photograph, or of the photographs of a film or a time."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.bins import soft_encode
from koalacli.color.lab import rgb_to_lab
from koalacli.color.tone import is_colored
from koalacli.errors import UsageError
from koalacli.io.files import file_digest
from koalacli.io.picture.read import read_picture
from koalacli.palettes import PALETTES

SIDE = 256  # pixels that a photograph is shrunk to before its colors are counted


@dataclass(frozen=True)
class Palette:
    """Colors and how frequent they are.

    Attributes:
        ab: float32 (N, 2), CIELAB units.
        shares: float32 (N,), sums to 1.
    """

    ab: Array
    shares: Array

    @classmethod
    def of(cls, rgb: Pixels) -> "Palette":
        """Of a photograph (H, W, 3), uint8 or uint16."""
        ab = rgb_to_lab(rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max))[..., 1:]
        if max(ab.shape[:2]) > SIDE:
            ab = cv2.resize(ab, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return cls.of_ab(ab)

    @classmethod
    def of_ab(cls, ab: Array) -> "Palette":
        """Of colors (..., 2), CIELAB units, each as frequent as the others."""
        ab = ab.reshape(-1, 2)
        return cls(ab, np.full(len(ab), 1 / len(ab), np.float32))

    @classmethod
    def named(cls, name: str) -> "Palette":
        """An entry of PALETTES; UsageError where there is none of that name."""
        if name not in PALETTES:
            raise UsageError(f"unknown palette {name!r}; there is {', '.join(PALETTES)}")
        table = np.array(PALETTES[name].colors, np.float32)
        return cls(table[:, :2], table[:, 2] / table[:, 2].sum())

    def encode(self, gamut_bins: Array) -> Array:
        """How frequent each bin (Q, 2) is, float32 (Q,), sums to 1."""
        bins, weights = soft_encode(self.ab, gamut_bins)
        shared = weights * self.shares[:, None]
        return np.bincount(bins.ravel(), shared.ravel(), len(gamut_bins)).astype(np.float32)


def find_palette(place: str, max_pixels: int) -> tuple[Palette, str]:
    """A palette by its name, or of a picture in a file.

    Returns:
        the palette, and what is told of it in journals: its name, or the digest of the file.

    Raises:
        UsageError: there is neither, or the picture has no color.
        InputError: it cannot be read.
    """
    if place in PALETTES:
        return Palette.named(place), place
    if not Path(place).is_file():
        raise UsageError(f"--palette {place}: no such file, and none of {', '.join(PALETTES)}")
    pixels = read_picture(Path(place), place, max_pixels).pixels
    if not is_colored(pixels):
        raise UsageError(f"--palette {place}: has no color to take over")
    return Palette.of(pixels), file_digest(Path(place))[:16]
