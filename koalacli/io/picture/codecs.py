"""CODECS: formats that are read and written. An entry is all that a new format needs.

A codec turns a Picture into bytes, with all that its metadata says. Pillow decodes; a format that it does not
know comes with a plugin for it, as HEIC does.
"""

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, features

from koalacli.arrays import Pixels, Rgb8
from koalacli.errors import KoalaError, OutputError, UnsupportedError
from koalacli.io.jpeg.layout import segment
from koalacli.io.picture.containers import gif_with_xmp, jp2_is_lossless, jp2_with_xmp, webp_is_lossless
from koalacli.io.picture.metadata import Metadata, jpeg_segments, too_long_for_jpeg, without_place
from koalacli.io.picture.picture import Frame, Picture
from koalacli.io.picture.png import encode_png
from koalacli.io.picture.profiles import SRGB
from koalacli.io.picture.tiff import encode_tiff

with suppress(ImportError):  # an extra: HEIC needs a decoder of its own
    import pillow_heif

    pillow_heif.register_heif_opener()


@dataclass(frozen=True)
class Codec:
    """One format.

    Attributes:
        suffixes: lower case, the usual one first.
        encode: (picture, quality 1..100, chroma subsampling 444 or 420) -> the file's bytes.
        decoders: names under which Pillow opens such files.
        lossless: whether pixels that are written come back bit for bit.
        exact: whether a file, given by its bytes, holds its pixels bit for bit.
        as_read: whether pictures from lossless files are written without loss, for formats of both kinds.
        alpha: whether transparency can be kept.
        deep: whether 16 bits per channel can be kept.
        frames: whether it can hold more than one.
        extra: whether it has a place for channels beyond color, and for pages that are no pictures.
        holds: kinds of metadata that it has a place for, besides the color profile.
        too_long: what of the metadata it has a place for, but not a place long enough, in words.
        grafts: whether the luma of a gray file can stay as it is in a color file.
        scrolls: whether large files are read and written a few rows at a time.
    """

    suffixes: tuple[str, ...]
    encode: Callable[[Picture, int, str], bytes]
    decoders: tuple[str, ...]
    lossless: bool = False
    exact: Callable[[bytes], bool] = lambda data: True
    as_read: bool = False
    alpha: bool = False
    deep: bool = False
    frames: bool = False
    extra: bool = False
    holds: tuple[str, ...] = ("EXIF", "XMP")
    too_long: Callable[[Metadata], list[str]] = lambda metadata: []
    grafts: bool = False
    scrolls: bool = False

    def keeps_pixels_of(self, picture: Picture) -> bool:
        """Whether a picture, written in this format, comes back bit for bit."""
        return self.lossless or (self.as_read and picture.lossless)


def encode(
    picture: Picture, format: str, quality: int, subsampling: str = "444", name: str = "the picture"
) -> tuple[bytes, list[str]]:
    """Encode a picture in a format, and say what the format cannot hold.

    Args:
        picture: what to encode; gray becomes rgb, as the profile that goes along is one of color.
        format: key of CODECS.
        quality: 1..100, for lossy formats.
        subsampling: 444 or 420.
        name: of the input, for messages.

    Returns:
        the file's bytes, and remarks: one per thing that was lost.

    Raises:
        UnsupportedError: it would lose frames.
        OutputError: the encoder refuses.
    """
    codec = CODECS[format]
    remarks = []
    if picture.more and not codec.frames:
        count = len(picture.frames)
        raise UnsupportedError(f"{name}: has {count} frames and {format} holds one; choose another --format")
    frames = [_fit_frame(frame, codec) for frame in picture.frames]
    if picture.alpha is not None and not codec.alpha:
        remarks.append(f"{format} has no transparency; it is dropped")
    if picture.pixels.dtype == np.uint16 and not codec.deep:
        remarks.append(f"{format} has 8 bits per channel; 16 were read")
    if picture.apart and not codec.extra:
        remarks.append(f"{format} has no place for pages that are no pictures: {len(picture.apart)}")
    if any(frame.extra is not None for frame in picture.frames) and not codec.extra:
        remarks.append(f"{format} has no place for channels beyond color, such as infrared")
    if missing := without_place(picture.metadata, codec.holds):
        remarks.append(f"{format} has no place for {', '.join(missing)}")
    remarks += codec.too_long(picture.metadata)
    first = frames[0]
    fitted = replace(picture, pixels=first.pixels, alpha=first.alpha, format=format, more=tuple(frames[1:]))
    try:
        return codec.encode(fitted, quality, subsampling), remarks
    except KoalaError:
        raise
    # Metadata and sizes come from strangers' files: encoders stumble over them in as many ways as decoders.
    except Exception as error:
        raise OutputError(f"{name}: cannot be encoded as {format} ({' '.join(str(error).split())})") from error


def _fit_frame(frame: Frame, codec: Codec) -> Frame:
    pixels, alpha = _three_channels(frame.pixels), frame.alpha if codec.alpha else None
    if not codec.deep:
        pixels = to_8bit(pixels)
        alpha = None if alpha is None else to_8bit(alpha)
    return replace(frame, pixels=pixels, alpha=alpha)


def to_8bit(pixels: Any) -> Any:
    """Codes 0..255 of codes 0..65535, rounded; uint8 as it is. Of any shape."""
    return pixels if pixels.dtype == np.uint8 else ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _image(frame: Frame) -> Image.Image:
    return Image.fromarray(frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha]))


def _save(picture: Picture, format: str, **options: Any) -> bytes:
    """Let Pillow write all frames."""
    if picture.more:
        options.update(
            save_all=True,
            append_images=[_image(frame) for frame in picture.more],
            duration=[round(frame.milliseconds) for frame in picture.frames],
        )
        if picture.loop is not None:
            options["loop"] = picture.loop
    buffer = io.BytesIO()
    _image(picture.frames[0]).save(buffer, format, **options)
    return buffer.getvalue()


def _tags(metadata: Metadata) -> dict[str, Any]:
    """EXIF, XMP and ICC as Pillow's writers take them."""
    tags: dict[str, Any] = {"icc_profile": metadata.icc or SRGB}
    if metadata.exif:
        tags["exif"] = b"Exif\0\0" + metadata.exif
    if metadata.xmp:
        tags["xmp"] = metadata.xmp
    return tags


def _encode_jpeg(picture: Picture, quality: int, subsampling: str) -> bytes:
    data = _save(picture, "JPEG", quality=quality, subsampling=0 if subsampling == "444" else 2)
    metadata = replace(picture.metadata, icc=picture.metadata.icc or SRGB)
    # Pillow puts a JFIF segment of its own first: 2 bytes of marker, 2 of length, 14 of payload.
    return b"\xff\xd8" + b"".join(segment(*item) for item in jpeg_segments(metadata)) + data[20:]


def _encode_webp(picture: Picture, quality: int, subsampling: str) -> bytes:
    return _save(picture, "WEBP", quality=quality, lossless=picture.lossless, exact=True, **_tags(picture.metadata))


def _encode_avif(picture: Picture, quality: int, subsampling: str) -> bytes:
    layout = "4:4:4" if subsampling == "444" else "4:2:0"
    return _save(picture, "AVIF", quality=quality, subsampling=layout, **_tags(picture.metadata))


def _encode_heic(picture: Picture, quality: int, subsampling: str) -> bytes:
    # A fifth of the time of x265's usual preset, for files a fifth larger: a telephone's photograph took 20 seconds.
    options = {"chroma": int(subsampling), "enc_params": {"preset": "ultrafast"}}
    return _save(picture, "HEIF", quality=quality, **options, **_tags(picture.metadata))


def _encode_gif(picture: Picture, quality: int, subsampling: str) -> bytes:
    options = {"comment": picture.metadata.comment} if picture.metadata.comment else {}
    data = _save(picture, "GIF", disposal=2 if picture.alpha is not None else 1, **options)
    return gif_with_xmp(data, picture.metadata.xmp)


def _encode_bmp(picture: Picture, quality: int, subsampling: str) -> bytes:
    dpi = {"dpi": picture.metadata.dpi} if picture.metadata.dpi else {}
    return _save(picture, "BMP", **dpi)


def _encode_jp2(picture: Picture, quality: int, subsampling: str) -> bytes:
    if picture.pixels.dtype == np.uint8:
        return jp2_with_xmp(_save(picture, "JPEG2000", irreversible=False), picture.metadata.xmp)
    planes = [picture.pixels[..., ::-1], *([] if picture.alpha is None else [picture.alpha])]
    done, data = cv2.imencode(".jp2", np.dstack(planes), [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    if not done:
        raise OutputError("cannot be encoded as 16-bit JPEG 2000")
    return jp2_with_xmp(data.tobytes(), picture.metadata.xmp)


def _png(picture: Picture, quality: int, subsampling: str) -> bytes:
    return encode_png(picture)


def _tiff(picture: Picture, quality: int, subsampling: str) -> bytes:
    return encode_tiff(picture)


def _never(data: bytes) -> bool:
    return False


_ALL = ("EXIF", "XMP", "IPTC", "resolution", "comment", "texts")
CODECS: dict[str, Codec] = {
    "jpeg": Codec(
        (".jpg", ".jpeg", ".jpe", ".jfif"), _encode_jpeg, ("JPEG", "MPO"), exact=_never, holds=_ALL[:-1],
        too_long=too_long_for_jpeg, grafts=True,
    ),
    "png": Codec((".png", ".apng"), _png, ("PNG",), lossless=True, alpha=True, deep=True, frames=True, holds=_ALL),
    "webp": Codec((".webp",), _encode_webp, ("WEBP",), exact=webp_is_lossless, as_read=True, alpha=True, frames=True),
    "tiff": Codec(
        (".tif", ".tiff"), _tiff, ("TIFF",), lossless=True, alpha=True, deep=True, frames=True, extra=True,
        holds=_ALL[:-2], scrolls=True,
    ),
    "bmp": Codec((".bmp", ".dib"), _encode_bmp, ("BMP", "DIB"), lossless=True, holds=("resolution",)),
    "gif": Codec((".gif",), _encode_gif, ("GIF",), alpha=True, frames=True, holds=("XMP", "comment")),
    "jp2": Codec(
        (".jp2",), _encode_jp2, ("JPEG2000",), lossless=True, exact=jp2_is_lossless, alpha=True, deep=True,
        holds=("XMP",),
    ),
}  # fmt: skip
if features.check("avif"):
    CODECS["avif"] = Codec((".avif",), _encode_avif, ("AVIF",), exact=_never, alpha=True, frames=True)
_HEIC = Codec((".heic", ".heif"), _encode_heic, ("HEIF",), exact=_never, alpha=True)
if "HEIF" in Image.SAVE:
    CODECS["heic"] = _HEIC
EXTRAS = dict.fromkeys(_HEIC.suffixes, "heic")  # suffixes that an extra would add


def codec_of_decoder(name: str | None) -> str | None:
    """Key of CODECS for what Pillow calls a format, or None."""
    return next((key for key, codec in CODECS.items() if name in codec.decoders), None)


def codec_of(path: Path) -> str | None:
    """Name of the codec for a path's suffix, or None."""
    suffix = path.suffix.lower()
    return next((name for name, codec in CODECS.items() if suffix in codec.suffixes), None)


def to_rgb8(pixels: Pixels) -> Rgb8:
    """Gray (H, W) or rgb (H, W, 3) of 8 or 16 bits as uint8 (H, W, 3)."""
    return _three_channels(to_8bit(pixels))


def _three_channels(pixels: Any) -> Any:
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
