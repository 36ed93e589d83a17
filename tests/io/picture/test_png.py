"""PNG: what is written is what was there, in few bytes."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from koalacli.io.picture.picture import Picture
from koalacli.io.picture.png import encode_png

EXAMPLE = Path(__file__).parents[3] / "examples" / "migrant_mother_1936_lange.jpg"
ORDER = {2: [0, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # of what OpenCV reads, by channels


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (40, 1), (1, 70), (333, 517)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_kind_and_size_comes_back_bit_for_bit(dtype: str, channels: int, size: tuple[int, int]) -> None:
    """Noise takes every way through the filter; OpenCV reads it."""
    planes = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (*size, channels), dtype=dtype, endpoint=True)
    colors = planes[..., 0] if channels < 3 else planes[..., :3]
    alpha = None if channels % 2 else planes[..., -1]
    data = encode_png(Picture(colors, alpha))
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(np.atleast_3d(found)[..., ORDER.get(channels, [0])], planes)


def test_a_grainy_photograph_takes_no_more_bytes_than_from_pillow() -> None:
    """The speed is not paid for with size."""
    photograph = Image.open(EXAMPLE).convert("RGB")
    grain = np.random.default_rng(0).normal(0, 4, (photograph.height, photograph.width, 1))
    pixels = np.clip(np.asarray(photograph) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert len(encode_png(Picture(pixels))) < len(buffer.getvalue())
