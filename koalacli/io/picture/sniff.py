"""What kind of file this is, and whether koala can carry it through: asked before pixels are decoded."""

import io
from contextlib import suppress
from typing import Any

import tifffile
from PIL import Image, TiffImagePlugin

from koalacli.errors import UnsupportedError
from koalacli.io.picture.codecs import CODECS, codec_of_decoder
from koalacli.io.picture.containers import avif_depth, read_codestream

NO_PICTURE = "not a picture, or of a kind that is not supported"
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")

# Pillow cannot decode 16-bit gray with alpha, and so does not open it; it need not, `io.deep` decodes it.
for _order in (TiffImagePlugin.II, TiffImagePlugin.MM):
    for _extra in ((), (0,), (1,), (2,)):
        for _photometric in (0, 1):
            _key = (_order, _photometric, (1,), 1, (16, 16), _extra)
            TiffImagePlugin.OPEN_INFO.setdefault(_key, ("LA", "LA"))
Image.MAX_IMAGE_PIXELS = None  # `check_support` refuses by koala's own limit, in every frame


def format_of(image: Image.Image) -> str:
    """Key of CODECS.

    Raises:
        UnsupportedError: none reads it.
    """
    format = codec_of_decoder(image.format)
    if format is None:
        raise UnsupportedError(f"{image.format} pictures are not supported")
    return format


def check_support(image: Image.Image, data: bytes, max_pixels: int) -> int:
    """Refuse by name what cannot be carried through; returns the number of frames.

    Raises:
        UnsupportedError.
    """
    format = format_of(image)
    count = getattr(image, "n_frames", 1) if CODECS[format].frames else 1
    pixels = 0
    for number in range(count if image.format == "TIFF" else 1):  # only pages differ in size and mode
        image.seek(number)
        pixels += image.size[0] * image.size[1] * (1 if image.format == "TIFF" else count)
        if pixels > max_pixels:
            raise UnsupportedError(f"has {pixels} pixels, more than --max-pixels {max_pixels}")
        _check_mode(image, data)
    image.seek(0)
    return count


def _check_mode(image: Image.Image, data: bytes) -> None:
    if image.format == "PNG" and data[24] == 16 and getattr(image, "n_frames", 1) > 1:
        raise UnsupportedError("16-bit animated PNG is not supported")
    if image.format == "TIFF" and is_deep(image, data):
        _check_deep_tiff(image)
    if image.mode not in MODES and not is_deep(image, data):
        kind = {"F": "floating-point", "I": "32-bit or signed", "LAB": "CIELAB"}.get(image.mode, image.mode)
        raise UnsupportedError(f"{kind} {image.format} pictures are not supported; convert to 8 or 16 bits first")
    if image.format == "HEIF" and image.info.get("bit_depth", 8) > 8:
        raise UnsupportedError(f"HEIC of {image.info['bit_depth']} bits is not supported; it would lose depth")
    if image.format == "HEIF" and (count := getattr(image, "n_frames", 1)) > 1:
        raise UnsupportedError(f"HEIC of {count} pictures is not supported; only one would be kept")
    if image.format == "AVIF" and (depth := avif_depth(data)) > 8:
        raise UnsupportedError(f"AVIF of {depth} bits is not supported; it would lose depth")


def name_unknown(data: bytes) -> str:
    """What a file that Pillow does not know holds, as far as its first bytes tell."""
    if data[:4] in TIFF_MAGIC:
        with suppress(Exception), tifffile.TiffFile(io.BytesIO(data)) as file:  # whatever is wrong: not nameable
            page: Any = file.pages.first
            kind = f"{page.samplesperpixel} x {page.bitspersample} bits, {page.photometric.name.lower()} {page.dtype}"
            return f"TIFF of {kind}, is not supported; convert it to 8 or 16 bits first"
    known = {b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL", b"%PDF": "PDF", b"\x76\x2f\x31\x01": "OpenEXR"}
    for start, name in known.items():
        if data.startswith(start):
            return f"{name} is not supported"
    return NO_PICTURE


def _check_deep_tiff(image: Image.Image) -> None:
    """Gray or rgb with no more than one extra sample, which is alpha."""
    (photometric,) = tiff_tag(image, 262, (1,))
    (samples,) = tiff_tag(image, 277, (1,))
    extra = tiff_tag(image, 338, ())
    colors = {0: 1, 1: 1, 2: 3}.get(photometric)
    if colors is None:
        kind = {3: "palette", 5: "CMYK", 6: "YCbCr", 8: "CIELAB"}.get(photometric, f"photometric {photometric}")
        raise UnsupportedError(f"16-bit {kind} TIFF pictures are not supported; convert to 16-bit RGB first")
    if samples - colors not in (0, 1) or (samples > colors and extra not in ((), (0,), (1,), (2,))):
        raise UnsupportedError(f"16-bit TIFF pictures of {samples} channels are not supported")


def is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether the file holds 16 bits per channel, of which Pillow would drop half."""
    if image.format == "PNG":
        return data[24] == 16  # IHDR: signature 8, length 4, type 4, width 4, height 4, depth
    if image.format == "TIFF":
        bits = tiff_tag(image, 258, (1,))
        format = tiff_tag(image, 339, (1,))
        return set(bits) == {16} and set(format) == {1}
    if image.format == "JPEG2000":
        found = read_codestream(data)
        return found is not None and found.depth > 8
    return False


def tiff_tag(image: Image.Image, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """Values of a tag of the current page."""
    value = image.tag_v2.get(tag, default)  # type: ignore[attr-defined]
    return value if isinstance(value, tuple) else (value,)
