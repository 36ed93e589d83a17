"""Pictures a few rows at a time: what stands between two steps takes no more room than a strip."""

from collections.abc import Iterator

STRIP_PIXELS = 1 << 17  # float32 planes of a strip then stay in a core's cache


def strips(height: int, width: int) -> Iterator[slice]:
    """Cut a picture into slices of rows, each a strip of moderate size."""
    step = max(1, STRIP_PIXELS // max(width, 1))
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))
