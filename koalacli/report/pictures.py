"""Pictures inside a page: small copies as data URIs."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from koalacli.arrays import Rgb8


@dataclass(frozen=True)
class Panel:
    """One picture in all its versions: gray, predictions, reference, by label; uint8 (H, W, 3)."""

    name: str
    versions: dict[str, Rgb8]


def shrink(rgb8: Rgb8, side: int) -> Rgb8:
    """A copy whose longer side is at most `side` pixels."""
    height, width = rgb8.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb8
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA), np.uint8)


def data_uri(rgb8: Rgb8, quality: int) -> str:
    """A picture as WebP data URI; the same bytes for the same picture."""
    settings = [cv2.IMWRITE_WEBP_QUALITY, quality]
    _, content = cv2.imencode(".webp", np.ascontiguousarray(rgb8[..., ::-1]), settings)
    return f"data:image/webp;base64,{base64.b64encode(content.tobytes()).decode()}"
