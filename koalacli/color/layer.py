"""Color alone, as a transparent layer for blend mode Color, which keeps what lies below in lightness.

That mode takes hue and saturation from the layer and Lum from below: result = below + layer - Lum(layer), with
Lum = 0.3 R + 0.59 G + 0.11 B of gamma-encoded rgb (W3C Compositing and Blending Level 1, 10.2; Photoshop and PDF have
the same). So what counts of a layer is its distance from its own Lum. Here it stands around middle gray, so that the
layer does not repeat the photograph, and alpha fades it out where there is next to no color.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Pixels, Rgb8

LUM = np.array([0.3, 0.59, 0.11], np.float32)
FULL = 16.0  # distance from gray, of 255, from which a layer is opaque
MIDDLE = 128.0


def color_layer(rgb: Pixels) -> tuple[Rgb8, NDArray[np.uint8]]:
    """The layer that gives a gray picture the color of this one.

    Args:
        rgb: uint8 or uint16 (H, W, 3), gamma-encoded sRGB.

    Returns:
        rgb uint8 (H, W, 3) and alpha uint8 (H, W).
    """
    codes = rgb.astype(np.float32) * np.float32(255 / np.iinfo(rgb.dtype).max)
    color = codes - (codes @ LUM)[..., None]
    strength = np.abs(color).max(-1)
    alpha: NDArray[Any] = np.ceil(np.minimum(strength / FULL, 1) * 255 - 1e-3)
    color *= (255 / np.maximum(alpha, 1))[..., None]
    middle = np.clip(MIDDLE, -color.min(-1), 255 - color.max(-1))
    return np.rint(middle[..., None] + color).clip(0, 255).astype(np.uint8), alpha.astype(np.uint8)
