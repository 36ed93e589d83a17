"""Colors that agree: every pixel takes the mean color of what the network itself finds alike.

A network colors each place by itself, so a jacket comes out half red and half brown. But its last
features tell which places are the same thing. So the picture is summed up in a few hundred cells,
and every pixel averages the colors of the cells that are like it: alike in features, in lightness,
and near. The more it is like any of them, the more it listens; what is like nothing else, such as
a small face before a wall, keeps its own color.
"""

import math

from keras import ops

from koalacli.arrays import Tensor

CELLS = 12  # along the short side: enough for the things in a picture, few enough to compare all pixels with
SHARPNESS = 20.0  # of features: weight exp(SHARPNESS * (cosine - 1))
LIGHTNESS_WIDTH = 14.0  # L* units
REACH = 0.4  # of the short side: standard deviation of the distance
OWN_WEIGHT = 0.7  # of a pixel's own color, beside weights of which each is at most 1


def agree(ab: Tensor, features: Tensor, lightness: Tensor, stride: int, cell: int) -> Tensor:
    """Average color over what is alike.

    Args:
        ab: float32 (B, h, w, 2), CIELAB units.
        features: float32 (B, h, w, F), the decoder's last.
        lightness: float32 (B, h * stride, w * stride, 1), L* 0..100.
        stride: of ab.
        cell: side of a cell, in places of ab.

    Returns:
        float32 (B, h, w, 2).
    """
    batch, height, width, _ = ops.shape(ab)
    alike = features / (ops.norm(features, axis=-1, keepdims=True) + 1e-6)
    kind = math.sqrt(SHARPNESS) * alike  # all scaled so that a weight is exp(-squared distance / 2)
    place = _places(_shrink(lightness, stride), height, width)
    cells = _shrink(alike, cell)
    cells = math.sqrt(SHARPNESS) * cells / (ops.norm(cells, axis=-1, keepdims=True) + 1e-6)

    points = _rows(ops.concatenate([kind, place], axis=-1))  # (B, h w, F + 3)
    centers = _rows(ops.concatenate([cells, _shrink(place, cell)], axis=-1))  # (B, cells, F + 3)
    far = _squares(points) - 2 * ops.matmul(points, ops.transpose(centers, (0, 2, 1))) + _squares(centers, across=True)
    weights = ops.exp(-0.5 * ops.maximum(far, 0.0))  # (B, h w, cells)
    heard = ops.matmul(weights, _rows(_shrink(ab, cell))) + OWN_WEIGHT * _rows(ab)
    return ops.reshape(heard / (ops.sum(weights, axis=-1, keepdims=True) + OWN_WEIGHT), (batch, height, width, 2))


def _places(small: Tensor, height: int, width: int) -> Tensor:
    """Lightness (B, h, w, 1) with row and column, (B, h, w, 3), in standard deviations."""
    side = REACH * ops.cast(ops.minimum(height, width), "float32")
    rows = ops.broadcast_to(ops.arange(height, dtype="float32")[None, :, None, None] / side, ops.shape(small))
    columns = ops.broadcast_to(ops.arange(width, dtype="float32")[None, None, :, None] / side, ops.shape(small))
    return ops.concatenate([small / LIGHTNESS_WIDTH, rows, columns], axis=-1)


def _shrink(x: Tensor, cell: int) -> Tensor:
    """Mean over cells; those at the far edges may be smaller."""
    return ops.average_pool(x, cell, padding="same")


def _rows(x: Tensor) -> Tensor:
    """(B, h, w, C) as (B, h * w, C)."""
    return ops.reshape(x, (ops.shape(x)[0], -1, x.shape[-1]))


def _squares(x: Tensor, *, across: bool = False) -> Tensor:
    """Squared lengths of (B, N, C) as (B, N, 1), or across as (B, 1, N)."""
    squares = ops.sum(x * x, axis=-1)
    return squares[:, None, :] if across else squares[:, :, None]
