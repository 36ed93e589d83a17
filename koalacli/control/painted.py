"""Painted copies: a picture on which a person has drawn strokes of color, with any program."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Pixels
from koalacli.color.lab import rgb_to_lab
from koalacli.control.hints import Hint, Hints
from koalacli.errors import InputError
from koalacli.io.picture.picture import Frame
from koalacli.io.picture.read import read_bytes, read_picture

STROKE_CHROMA = 8.0  # CIELAB units by which a stroke differs from the gray around it
GRAY_SHARE, GRAY_CHROMA = (
    0.1,
    2.0,
)  # a copy with this much gray is a gray one; else its commonest color is that of paper
CELLS = 24  # along the short side; strokes within a cell are one point
MOST_POINTS = 300  # cells are made larger until there are no more


@dataclass(frozen=True)
class Painted:
    """A painted copy that is read when its picture's turn comes.

    Attributes:
        path: of the copy.
        digest: of its content.
    """

    path: str
    digest: str

    @classmethod
    def at(cls, path: Path) -> "Painted":
        """Take the digest of a file; InputError where it cannot be read."""
        return cls(str(path), hashlib.sha256(read_bytes(path)).hexdigest()[:16])

    def read(self) -> Hints:
        """The strokes as points.

        Raises:
            InputError: unreadable, or without strokes.
        """
        picture = read_picture(Path(self.path))
        points = strokes_of(Frame(picture.pixels, picture.alpha))
        if not points:
            raise InputError(f"{self.path}: no strokes found; paint in color, or on a transparent layer")
        return Hints(tuple(points))


def strokes_of(frame: Frame) -> list[Hint]:
    """Points where a copy is painted: what is opaque on a transparent layer, or has another color than the rest."""
    pixels = frame.pixels if frame.pixels.ndim == 3 else np.repeat(frame.pixels[..., None], 3, -1)
    height, width = pixels.shape[:2]
    rows, columns = np.nonzero(_is_stroke(pixels, frame.alpha))
    if not len(rows):
        return []
    ab = _ab(pixels[rows, columns])
    cells = float(CELLS)
    number = _cells(rows, columns, min(height, width) / cells)
    while number.max() >= MOST_POINTS:
        cells /= 2
        number = _cells(rows, columns, min(height, width) / cells)
    count = np.bincount(number)
    mean = [np.bincount(number, values) / count for values in (columns + 0.5, rows + 0.5, ab[:, 0], ab[:, 1])]
    return [Hint(x / width, y / height, f"{a:.2f},{b:.2f}") for x, y, a, b in zip(*mean, strict=True)]


def _cells(rows: NDArray[np.int64], columns: NDArray[np.int64], side: float) -> NDArray[np.int64]:
    """Number of the square cell that each pixel lies in; squares without any have no number."""
    places = np.stack([rows // max(side, 1), columns // max(side, 1)], -1)
    return np.asarray(np.unique(places, axis=0, return_inverse=True)[1]).ravel()


def _is_stroke(pixels: Pixels, alpha: Pixels | None) -> NDArray[np.bool_]:
    if alpha is not None and (alpha < np.iinfo(alpha.dtype).max // 2).any():
        return np.asarray(alpha > np.iinfo(alpha.dtype).max // 2)
    ab = _ab(pixels)
    chroma = np.hypot(ab[..., 0], ab[..., 1])
    if (chroma < GRAY_CHROMA).mean() < GRAY_SHARE:  # toned: strokes differ from the tone
        tone = np.median(ab.reshape(-1, 2), axis=0)
        chroma = np.hypot(ab[..., 0] - tone[0], ab[..., 1] - tone[1])
    return np.asarray(chroma > STROKE_CHROMA)


def _ab(pixels: Pixels) -> Array:
    return rgb_to_lab(pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))[..., 1:]
