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
        source: parts of the file.
        layout: parts of its luma; of a file without color planes, the same.
        subsampling: 444 or 420, of the new chroma.
        luma: uint8 (h, w), at the size of that: full for 444, half, rounded up, for 420.
        orientation: EXIF's, 1..8; it is carried over, not applied.
        metadata: with that orientation in it, and the profile under which its luma keeps its meaning.
        meaning: uint8 (256,), the sRGB code of each code of the file; None where they are the same.
        rests: what is left of such a file's scans, see `io.jpeg.luma.split_luma`.
    """

    source: Layout
    layout: Layout
    subsampling: str
    luma: NDArray[np.uint8]
    orientation: int
    metadata: Metadata
    meaning: NDArray[np.uint8] | None = None
    rests: tuple[bytes, ...] = ()


def open_graftable(data: bytes, max_pixels: int, subsampling: str = "auto") -> Graftable | str:
    """What is needed to keep the luma of a gray JPEG, or why it cannot be kept; nothing if it is no such file.

    Args:
        data: the file's bytes.
        max_pixels: more are refused before anything is allocated.
        subsampling: of the new chroma, 444, 420 or auto, which is 420.
    """
    if data[:3] != b"\xff\xd8\xff":
        return ""
    subsampling = "420" if subsampling == "auto" else subsampling
    with Image.open(io.BytesIO(data)) as image:
        size, mode = image.size, image.mode
        if image.format not in ("JPEG", "MPO") or mode not in ("L", "RGB"):
            return ""
        check_support(image, data, max_pixels)
        luma = _luma_if_neutral(image, data) if mode == "RGB" else None
        if mode == "RGB" and luma is None:
            return ""
        source = layout = read_layout(data)
        rests: list[bytes] = []
        if reason := why_not_graftable(source):
            return reason
        orientation = orientation_of(image.getexif())
        metadata = read_metadata(image, data, size, orientation, source)
        profile = image.info.get("icc_profile", b"")
        if luma is not None:
            try:
                gray = _split(source, luma, rests)
            except InputError as error:
                return f"JPEG with {error}"
            layout = read_layout(gray)
            luma = _decode_own(gray, size, subsampling)
        else:
            luma = _decode(image, size, subsampling)
        found = Graftable(source, layout, subsampling, luma, orientation, metadata, rests=tuple(rests))
        return _with_meaning(found, profile, mode)


def _with_meaning(graftable: Graftable, profile: bytes, mode: str) -> Graftable | str:
    if is_srgb(profile) or color_space(profile) not in ("GRAY", mode):
        return graftable
    try:
        meaning = convert_gray(np.arange(256, dtype=np.uint8), profile)
        own = color_profile_of(profile)
    except InputError:
        own = b""
    if not own or not np.all(np.diff(meaning.astype(int)) >= 0):
        return "its color profile cannot stay with it"
    return replace(graftable, metadata=replace(graftable.metadata, icc=own), meaning=meaning)


def _holds_rgb(image: Image.Image) -> bool:
    """Whether the planes are R, G and B: a decoder could make luma of them, but it is not in the file."""
    names = bytes(layer[0] for layer in image.layer)  # type: ignore[attr-defined]
    return "jfif" not in image.info and (image.info.get("adobe_transform") == 0 or names == b"RGB")


def _is_neutral(image: Image.Image, size: tuple[int, int]) -> bool:
    """Whether the chroma, decoded at about this size, is that of a gray picture."""
    image.draft("YCbCr", size)
    off = [cv2.absdiff(np.asarray(image.getchannel(name)), 128.0) for name in ("Cb", "Cr")]
    return all(plane.mean() <= CAST and plane.max() <= STRAY for plane in off)


def _luma_if_neutral(image: Image.Image, data: bytes) -> NDArray[np.uint8] | None:
    """Y' (H, W) of a JPEG with color planes, opened and not yet decoded; None where they hold color, or R, G and B."""
    # A reduced decode is quick, and enough to tell most pictures in color.
    if _holds_rgb(image) or not _is_neutral(image, (max(1, image.size[0] // 8), max(1, image.size[1] // 8))):
        return None
    with Image.open(io.BytesIO(data)) as whole:
        return np.asarray(whole.getchannel("Y")) if _is_neutral(whole, whole.size) else None


def _split(layout: Layout, luma: NDArray[np.uint8], rests: list[bytes]) -> bytes:
    """The luma alone as a gray JPEG.

    Raises:
        InputError: it cannot be taken out, or decoders would not find the same picture in it.
    """
    gray = split_luma(layout, rests)
    if not np.array_equal(_decode_own(gray, (layout.width, layout.height), "444"), luma):
        raise InputError("scans that are damaged")
    return gray


def _decode_own(gray: bytes, size: tuple[int, int], subsampling: str) -> NDArray[np.uint8]:
    """As `_decode`, of a gray JPEG that koala made: it needs none of the care that Pillow takes of others' files."""
    halves = subsampling == "420" and not (size[0] % 2 or size[1] % 2)
    scale = cv2.IMREAD_REDUCED_GRAYSCALE_2 if halves else cv2.IMREAD_GRAYSCALE
    luma = cv2.imdecode(np.frombuffer(gray, np.uint8), scale | cv2.IMREAD_IGNORE_ORIENTATION)
    if luma is None:
        raise InputError("scans that are damaged")
    if subsampling == "444" or halves:
        return np.asarray(luma, np.uint8)
    return np.asarray(Image.fromarray(luma).reduce(2))


def _decode(image: Image.Image, size: tuple[int, int], subsampling: str) -> NDArray[np.uint8]:
    """Y' of an opened JPEG at the size of its chroma; halves of even sides are made from half of the coefficients."""
    if subsampling == "444":
        image.draft("L", size)
        return np.asarray(image)
    half = (-(-size[0] // 2), -(-size[1] // 2))
    image.draft("L", half)
    if image.size == half:
        return np.asarray(image)
    if image.size != size:
        raise InputError("decoders disagree about its size")
    return np.asarray(image.reduce(2))  # the decoder halves even sides only


def luma_of_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Y' of a JPEG, gray or YCbCr, at full size: uint8 (H, W)."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", image.size)
        return np.asarray(image)


def encode_cbcr(plane: NDArray[np.uint8], quality: int, progressive: bool) -> bytes:
    """Cb or Cr as a gray JPEG of its own."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality  # libjpeg's rule
    table = np.clip((CHROMA_TABLE * scale + 50) // 100, 1, 255).astype(int)
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "JPEG", qtables=[table.ravel().tolist()], progressive=progressive)
    return buffer.getvalue()
