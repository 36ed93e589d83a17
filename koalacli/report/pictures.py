"""Pictures inside a page: small copies as data URIs."""

import base64
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Rgb8


@dataclass(frozen=True)
class Panel:
    """One picture in all its versions: gray, predictions, reference, by label; uint8 (H, W, 3)."""

    name: str
    versions: dict[str, Rgb8]


def shrink(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """A copy, (H, W) or (H, W, C) as given, whose longer side is at most `side` pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return small.reshape(*small.shape[:2], *pixels.shape[2:])  # OpenCV drops an axis of one


def data_uri(rgb8: Rgb8, quality: int) -> str:
    """A picture as WebP data URI; the same bytes for the same picture."""
    settings = [cv2.IMWRITE_WEBP_QUALITY, quality]
    _, content = cv2.imencode(".webp", np.ascontiguousarray(rgb8[..., ::-1]), settings)
    return f"data:image/webp;base64,{base64.b64encode(content.tobytes()).decode()}"
