"""CODECS: output formats. An entry is all that a new format needs.

A codec turns a Picture into bytes; `write_file` puts bytes in place so that a file either is
there whole or is not there.
"""

import errno
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from koalacli.errors import OutputError, StorageFullError
from koalacli.io.images import SRGB, Picture


@dataclass(frozen=True)
class Codec:
    """One output format.

    Attributes:
        suffixes: lower case, the usual one first.
        encode: (picture, quality 1..100) -> the file's bytes.
        lossless: whether pixels come back bit for bit.
        alpha: whether transparency can be kept.
        deep: whether 16 bits per channel can be kept.
    """

    suffixes: tuple[str, ...]
    encode: Callable[[Picture, int], bytes]
    lossless: bool
    alpha: bool
    deep: bool


def _pillow(picture: Picture, format: str, **options: Any) -> bytes:
    pixels = picture.pixels
    if picture.alpha is not None and CODECS[picture.format].alpha:
        pixels = np.dstack([pixels, picture.alpha])
    metadata = picture.metadata
    options.update({"exif": metadata.exif} if metadata.exif else {}, icc_profile=metadata.icc or SRGB)
    if metadata.dpi:
        options["dpi"] = metadata.dpi
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def _encode_jpeg(picture: Picture, quality: int) -> bytes:
    xmp = {"xmp": picture.metadata.xmp} if picture.metadata.xmp else {}
    # Full-size chroma: halving it would throw away edges that were just made.
    return _pillow(picture, "JPEG", quality=quality, subsampling=0, **xmp)


def _encode_png(picture: Picture, quality: int) -> bytes:
    if picture.pixels.dtype == np.uint16:
        return _encode_deep(picture, ".png")
    info = PngInfo()
    if picture.metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", picture.metadata.xmp.decode("utf-8", "replace"))
    return _pillow(picture, "PNG", pnginfo=info, compress_level=4)


def _encode_webp(picture: Picture, quality: int) -> bytes:
    return _pillow(picture, "WEBP", quality=quality, xmp=picture.metadata.xmp)


def _encode_tiff(picture: Picture, quality: int) -> bytes:
    if picture.pixels.dtype == np.uint16:
        return _encode_deep(picture, ".tif")
    return _pillow(picture, "TIFF", compression="tiff_adobe_deflate")


def _encode_bmp(picture: Picture, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture.pixels).save(buffer, "BMP")
    return buffer.getvalue()


def _encode_deep(picture: Picture, suffix: str) -> bytes:
    bgr = picture.pixels[..., ::-1]
    planes = bgr if picture.alpha is None else np.dstack([bgr, picture.alpha])
    done, data = cv2.imencode(suffix, np.ascontiguousarray(planes))
    if not done:
        raise OutputError(f"cannot encode a 16-bit {suffix} file")
    return data.tobytes()


CODECS: dict[str, Codec] = {
    "jpeg": Codec((".jpg", ".jpeg", ".jpe", ".jfif"), _encode_jpeg, lossless=False, alpha=False, deep=False),
    "png": Codec((".png",), _encode_png, lossless=True, alpha=True, deep=True),
    "webp": Codec((".webp",), _encode_webp, lossless=False, alpha=True, deep=False),
    "tiff": Codec((".tif", ".tiff"), _encode_tiff, lossless=True, alpha=True, deep=True),
    "bmp": Codec((".bmp", ".dib"), _encode_bmp, lossless=True, alpha=False, deep=False),
}


def codec_of(path: Path) -> str | None:
    """Name of the codec for a path's suffix, or None."""
    suffix = path.suffix.lower()
    return next((name for name, codec in CODECS.items() if suffix in codec.suffixes), None)


def write_file(path: Path, data: bytes) -> None:
    """Write by a temporary name beside the target, sync, rename: it is there whole or not at all.

    Raises:
        StorageFullError: no room; nothing is left behind.
        OutputError: any other reason, named.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"{path}: no space left on the device; free some and run again") from error
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
