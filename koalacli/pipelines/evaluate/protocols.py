"""Prepare pictures as the entries of `koalacli.protocols.PROTOCOLS` say."""

import cv2
import numpy as np

from koalacli.arrays import Rgb8
from koalacli.protocols import PROTOCOLS


def prepare(rgb8: Rgb8, protocol: str) -> Rgb8:
    """A picture as a protocol wants it, uint8 (H, W, 3) to uint8 (side, side, 3), or the very same.

    Args:
        rgb8: uint8 (H, W, 3).
        protocol: key of PROTOCOLS.
    """
    rule = PROTOCOLS[protocol]
    if not rule.side:
        return rgb8
    if rule.square:
        height, width = rgb8.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        rgb8 = np.ascontiguousarray(rgb8[top : top + side, left : left + side])
    smaller = min(rgb8.shape[:2]) > rule.side
    method = cv2.INTER_AREA if rule.average and smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb8, (rule.side, rule.side), interpolation=method), np.uint8)
