"""The two ends of a graft: luma out of a JPEG at the size of its chroma, chroma into JPEG planes."""

import io
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from koalacli.errors import InputError
from koalacli.io.jpeg.layout import Layout, read_layout, why_not_graftable
from koalacli.io.jpeg.luma import split_luma
from koalacli.io.picture.metadata import Metadata, orientation_of, read_metadata
from koalacli.io.picture.profiles import color_profile_of, color_space, convert_gray, is_srgb
from koalacli.io.picture.sniff import check_support

# ITU-T T.81, table K.2: quantization of chroma at quality 50, row by row.
CHROMA_TABLE = np.full((8, 8), 99)
CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


# Distance of Cb and Cr from neutral, of 255, up to which a photograph with color planes counts as gray: the
# cast that scanners and encoders leave. Toning is stronger.
CAST, STRAY = 4.0, 16  # on average; anywhere


@dataclass(frozen=True)
class Graftable:
    """A gray JPEG whose luma can be kept.

    Attributes:
        layout: its parts; of a file with color planes, those of its luma alone.
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
        if image.format != "JPEG" or image.mode not in ("L", "RGB"):
            return ""
        check_support(image, data, max_pixels)
        if image.mode == "RGB" and not is_neutral(data):
            return ""
        layout = read_layout(data)
        if reason := why_not_graftable(layout):
            return reason
        if image.mode == "RGB":
            try:
                layout = _split(data, layout)
            except InputError as error:
                return f"JPEG with {error}"
        return _with_meaning(layout, image, data)


def _with_meaning(layout: Layout, image: Image.Image, data: bytes) -> Graftable | str:
    orientation = orientation_of(image.getexif())
    metadata = read_metadata(image, data, image.size, orientation)
    profile = image.info.get("icc_profile", b"")
    if is_srgb(profile) or color_space(profile) not in ("GRAY", image.mode):
        return Graftable(layout, orientation, metadata)
    try:
        meaning = convert_gray(np.arange(256, dtype=np.uint8), profile)
        own = color_profile_of(profile)
    except InputError:
        own = b""
    if not own or not np.all(np.diff(meaning.astype(int)) >= 0):
        return "its color profile cannot stay with it"
    return Graftable(layout, orientation, replace(metadata, icc=own), meaning)


def is_neutral(data: bytes) -> bool:
    """Whether the chroma of a JPEG with color planes is that of a gray picture; never of one that holds RGB."""
    with Image.open(io.BytesIO(data)) as image:
        if "jfif" not in image.info and (image.info.get("adobe_transform") == 0 or _names(image) == b"RGB"):
            return False  # a decoder could make luma of R, G and B, but it is not in the file
        size = image.size
    # A reduced decode is quick, and enough to tell most pictures in color.
    return all(_is_neutral(data, small) for small in ((max(1, size[0] // 8), max(1, size[1] // 8)), size))


def _names(image: Image.Image) -> bytes:
    return bytes(layer[0] for layer in image.layer)  # type: ignore[attr-defined]


def _is_neutral(data: bytes, size: tuple[int, int]) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("YCbCr", size)
        off = [cv2.absdiff(np.asarray(image.getchannel(name)), 128.0) for name in ("Cb", "Cr")]
    return all(plane.mean() <= CAST and plane.max() <= STRAY for plane in off)


def _split(data: bytes, layout: Layout) -> Layout:
    """The layout of the luma alone.

    Raises:
        InputError: it cannot be taken out, or decoders would not find the same picture in it.
    """
    gray = split_luma(layout)
    if not np.array_equal(luma_of_jpeg(gray), luma_of_jpeg(data)):
        raise InputError("scans that are damaged")
    return read_layout(gray)


def luma_of_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Y' of a JPEG, gray or YCbCr, at full size: uint8 (H, W)."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", image.size)
        return np.asarray(image)


def half_luma(data: bytes, layout: Layout) -> NDArray[np.uint8]:
    """Y' of a JPEG at half its size, rounded up: made while decoding, from half of the coefficients."""
    size = (-(-layout.width // 2), -(-layout.height // 2))
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", size)
        if image.size == size:
            return np.asarray(image)
        if image.size != (layout.width, layout.height):
            raise InputError("decoders disagree about its size")
        return np.asarray(image.reduce(2))  # too small for the decoder to be asked for half


def encode_cbcr(plane: NDArray[np.uint8], quality: int, progressive: bool) -> bytes:
    """Cb or Cr as a gray JPEG of its own."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality  # libjpeg's rule
    table = np.clip((CHROMA_TABLE * scale + 50) // 100, 1, 255).astype(int)
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "JPEG", qtables=[table.ravel().tolist()], progressive=progressive)
    return buffer.getvalue()
