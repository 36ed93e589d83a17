"""The two ends of a graft: luma out of a JPEG at the size of its chroma, chroma into JPEG planes."""

import io
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from koalacli.errors import InputError
from koalacli.io.jpeg import Layout, read_layout, why_not_graftable
from koalacli.io.metadata import Metadata, orientation_of, read_metadata
from koalacli.io.profiles import color_profile_of, color_space, convert_gray, is_srgb
from koalacli.io.sniff import check_support

# ITU-T T.81, table K.2: quantization of chroma at quality 50, row by row.
CHROMA_TABLE = np.full((8, 8), 99)
CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


@dataclass(frozen=True)
class Graftable:
    """A gray JPEG whose luma can be kept.

    Attributes:
        layout: its parts.
        orientation: EXIF's, 1..8; it is carried over, not applied.
        metadata: with that orientation in it, and the profile under which its luma keeps its meaning.
        meaning: uint8 (256,), the sRGB code of each code of the file; None where they are the same.
    """

    layout: Layout
    orientation: int
    metadata: Metadata
    meaning: NDArray[np.uint8] | None = None


def open_graftable(data: bytes, max_pixels: int) -> Graftable | str:
    """What is needed to keep the luma of a gray JPEG, or why it cannot be kept; nothing if it is no such file."""
    if data[:3] != b"\xff\xd8\xff":
        return ""
    with Image.open(io.BytesIO(data)) as image:
        if image.format != "JPEG" or image.mode != "L":
            return ""
        check_support(image, data, max_pixels)
        layout = read_layout(data)
        if reason := why_not_graftable(layout):
            return reason
        orientation = orientation_of(image.getexif())
        metadata = read_metadata(image, data, image.size, orientation)
        profile = image.info.get("icc_profile", b"")
        if is_srgb(profile) or color_space(profile) != "GRAY":
            return Graftable(layout, orientation, metadata)
        meaning = convert_gray(np.arange(256, dtype=np.uint8), profile)
        own = color_profile_of(profile)
        if not own or not np.all(np.diff(meaning.astype(int)) >= 0):
            return "its gray profile has no counterpart in color"
        return Graftable(layout, orientation, replace(metadata, icc=own), meaning)


def luma_of_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Y' of a JPEG, gray or YCbCr, at full size: uint8 (H, W)."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", image.size)
        return np.asarray(image)


def half_luma(data: bytes, layout: Layout) -> NDArray[np.uint8]:
    """Y' of a gray JPEG at half its size, rounded up: made while decoding, from half of the coefficients."""
    size = (-(-layout.width // 2), -(-layout.height // 2))
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", size)
        if image.size == size:
            return np.asarray(image)
        if image.size != (layout.width, layout.height):
            raise InputError("decoders disagree about its size")
        return np.asarray(image.reduce(2))  # too small for the decoder to be asked for half


def encode_chroma(plane: NDArray[np.uint8], quality: int, progressive: bool) -> bytes:
    """Cb or Cr as a gray JPEG of its own."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality  # libjpeg's rule
    table = np.clip((CHROMA_TABLE * scale + 50) // 100, 1, 255).astype(int)
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "JPEG", qtables=[table.ravel().tolist()], progressive=progressive)
    return buffer.getvalue()
