"""Read stills: from bytes to pixels that mean one thing, with everything that must be carried over.

Pillow sniffs and decodes; OpenCV decodes what Pillow would reduce to 8 bits. Whatever goes
wrong inside a decoder is the file's fault and becomes an InputError.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from koalacli.errors import InputError, KoalaError, UnsupportedError

Pixels = NDArray[Any]  # uint8 or uint16
FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp", "TIFF": "tiff", "BMP": "bmp"}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture; carried over as it is. Orientation is already applied."""

    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""  # of the pixels as held here: empty means sRGB
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True)
class Picture:
    """One decoded still.

    Attributes:
        pixels: gray (H, W) or rgb (H, W, 3), uint8 or uint16, gamma-encoded sRGB, upright.
        alpha: (H, W) of the same dtype, or None.
        format: key of `io.codecs.CODECS`.
        metadata: see Metadata.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "png"
    metadata: Metadata = field(default_factory=Metadata)


def read_picture(source: Path | bytes, name: str = "") -> Picture:
    """Decode a still from a path or from its bytes.

    Raises:
        InputError: not a picture, damaged, or unreadable; the message starts with the name.
        UnsupportedError: a picture that koala cannot carry through.
    """
    name = name or (str(source) if isinstance(source, Path) else "standard input")
    with decoder_errors(name):
        data = source.read_bytes() if isinstance(source, Path) else source
        if not data:
            raise InputError(f"{name}: the file is empty")
        with Image.open(io.BytesIO(data)) as image:
            if image.format not in FORMATS:
                raise UnsupportedError(f"{name}: {image.format} pictures are not supported")
            if (frames := getattr(image, "n_frames", 1)) > 1 and image.format != "MPO":
                raise UnsupportedError(f"{name}: has {frames} frames; only single pictures are supported")
            deep = _is_deep(image, data)
            image.load()
            exif = image.getexif()
            pixels, alpha = _decode_deep(data, exif.get(ORIENTATION, 1), name) if deep else _decode(image)
            return Picture(pixels, alpha, FORMATS[image.format], _metadata(image, exif))


@contextmanager
def decoder_errors(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an InputError that names the file."""
    try:
        yield
    except KoalaError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{name}: the file is gone") from error
    except MemoryError as error:
        raise InputError(f"{name}: the picture does not fit into memory") from error
    # Decoders fail in whatever way their authors did not foresee: struct.error, SyntaxError, ...
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: cannot be read as a picture ({reason})") from error


ORIENTATION = 0x0112  # EXIF tag
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether the file holds 16 bits per channel, of which Pillow would drop half."""
    if image.format == "PNG":
        return data[24] == 16  # IHDR: signature 8, length 4, type 4, width 4, height 4, depth
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (1,))  # type: ignore[attr-defined]
        return bool(max(bits if isinstance(bits, tuple) else (bits,)) == 16)
    return image.mode in _SIXTEEN_BIT_MODES


def _decode_deep(data: bytes, orientation: int, name: str) -> tuple[Pixels, Pixels | None]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise UnsupportedError(f"{name}: a 16-bit picture of a kind that is not supported")
    pixels = _upright(pixels, orientation)
    if pixels.ndim == 2:
        return pixels, None
    alpha = pixels[..., 3].copy() if pixels.shape[2] == 4 else None
    return _collapse_gray(np.ascontiguousarray(pixels[..., 2::-1])), alpha


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation 1..8."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _decode(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")), None
    if image.mode in ("LA", "La"):
        gray, alpha = image.convert("LA").split()
        return np.asarray(gray), np.asarray(alpha)
    has_alpha = "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
    rgb = _to_srgb(image)
    alpha_plane = np.asarray(image.convert("RGBA").getchannel("A")) if has_alpha else None
    return _collapse_gray(np.asarray(rgb)), alpha_plane


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert to sRGB by the embedded profile; without one, RGB is taken as sRGB."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except ImageCms.PyCMSError:  # a broken profile says nothing; the pixels remain
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGBA").convert("RGB") if image.mode in ("P", "PA") else image.convert("RGB")


def _collapse_gray(rgb: Pixels) -> Pixels:
    """Gray (H, W) if all three channels are the same, else the rgb itself."""
    if np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 1], rgb[..., 2]):
        return np.ascontiguousarray(rgb[..., 0])
    return rgb


# TIFF tags that describe how the pixels are stored, not the picture: size, depth, strips, tiles,
# color tables, profiles. They would be lies about the new file.
_STORAGE_TAGS = {254, 255, *range(256, 267), 273, *range(277, 282), 284, *range(290, 293), 317, *range(320, 326)}
_STORAGE_TAGS |= {330, 338, 339, 340, 341, 347, 700, 33723, 34377, 34675}


def _metadata(image: Image.Image, exif: Image.Exif) -> Metadata:
    for tag in (ORIENTATION, *_STORAGE_TAGS):
        exif.pop(tag, None)
    dpi = image.info.get("dpi")
    xmp = image.info.get("xmp", b"")
    return Metadata(
        exif=exif.tobytes() if exif else b"",
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
    )
