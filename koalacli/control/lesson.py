"""What the known color of one picture tells of others of the same things, such as the frames of its scene."""

from dataclasses import dataclass

import numpy as np

from koalacli.arrays import Array
from koalacli.control.kernel import Places, Scope, kernel

POINTS = 80  # of a picture that are learned, about; more tell hardly more


@dataclass(frozen=True)
class Lesson:
    """How wrong the network's guess was, at points of a picture, and what follows where things look alike.

    Attributes:
        scope: how far the points reach.
        points: (N,) of the picture.
        parts: float32 (N, 2), what each adds to the guess where its kernel is 1.
    """

    scope: Scope
    points: Places
    parts: Array

    @classmethod
    def learn(cls, places: Places, ab: Array, scope: Scope) -> "Lesson":
        """From a picture (h, w) and its color ab (h, w, 2), at points of a grid."""
        rows, columns = _grid(places.lightness.shape)
        points = Places(*(getattr(places, name)[rows, columns] for name in Places.__dataclass_fields__))
        shared = kernel(scope, points, points) + np.float32(scope.spot) * np.eye(len(rows), dtype=np.float32)
        missing = ab[rows, columns] - points.ab * np.float32(scope.gain)
        parts = np.linalg.solve(shared.astype(np.float64), missing.astype(np.float64))
        return cls(scope, points, parts.astype(np.float32))

    def apply(self, places: Places) -> Array:
        """The color of another picture (h, w), whose guess is `places.ab`: float32 (h, w, 2)."""
        return places.ab * np.float32(self.scope.gain) + kernel(self.scope, places, self.points) @ self.parts


def _grid(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Rows and columns of about POINTS pixels in the middles of equal cells."""
    height, width = shape
    step = max((height * width / POINTS) ** 0.5, 1.0)
    middles = [(np.arange(count) + 0.5) * size / count for size in shape if (count := max(1, round(size / step)))]
    rows, columns = np.meshgrid(*(middle.astype(int) for middle in middles), indexing="ij")
    return rows.ravel(), columns.ravel()
