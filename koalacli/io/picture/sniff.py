"""What kind of file this is, and whether koala can carry it through: asked before pixels are decoded."""

import io
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import tifffile
from PIL import Image, PngImagePlugin, TiffImagePlugin

from koalacli.errors import UnsupportedError
from koalacli.io.picture.codecs import CODECS, codec_of_decoder
from koalacli.io.picture.containers import avif_depth, gif_extent, read_codestream, tiff_pages
from koalacli.io.picture.packet import LONGEST_PACKET
from koalacli.io.picture.pages import sort_pages, tiff_tag

NO_PICTURE = "not a picture, or of a kind that is not supported"
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What one of several frames costs at least, in pixels: its lightness and color as the network sees them are 256 x 256
# times 12 bytes, against some 3 of a pixel.
FRAME = 4 * 256 * 256
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")

# Pillow cannot decode 16-bit gray with alpha, and so does not open it; it need not, `io.deep` decodes it.
for _order in (TiffImagePlugin.II, TiffImagePlugin.MM):
    for _extra in ((), (0,), (1,), (2,)):
        for _photometric in (0, 1):
            _key = (_order, _photometric, (1,), 1, (16, 16), _extra)
            TiffImagePlugin.OPEN_INFO.setdefault(_key, ("LA", "LA"))
    for _fill in (1, 2):  # masks, which koala keeps as they are
        TiffImagePlugin.OPEN_INFO.setdefault((_order, 4, (1,), _fill, (1,), ()), ("1", "1"))
PngImagePlugin.MAX_TEXT_CHUNK = LONGEST_PACKET  # of texts and of color profiles, unpacked
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


@dataclass(frozen=True)
class Pages:
    """Numbers of the pages or frames that are pictures, and of a TIFF's smaller copies and other pages."""

    pictures: list[int]
    copies: list[int]
    others: list[int]


def check_support(image: Image.Image, data: bytes, max_pixels: int) -> Pages:
    """Refuse by name what cannot be carried through, and what would take too much memory; returns what there is.

    Raises:
        UnsupportedError.
    """
    format = format_of(image)
    if image.format == "TIFF":
        return _check_pages(image, data, max_pixels)
    count = getattr(image, "n_frames", 1) if CODECS[format].frames else 1
    width, height = _decoded_size(image, data)
    _check_held(width * height * count, count, max_pixels, image)
    _check_mode(image, data)
    return Pages(list(range(count)), [], [])


def check_extent(data: bytes, max_pixels: int) -> None:
    """Refuse a GIF of large frames before it is opened: Pillow makes room for the first one already then.

    Raises:
        UnsupportedError.
    """
    if data[:4] == b"GIF8":
        width, height = gif_extent(data)
        if width * height > max_pixels:
            raise UnsupportedError(f"has {width * height} pixels, more than --max-pixels {max_pixels}")


def _check_pages(image: Image.Image, data: bytes, max_pixels: int) -> Pages:
    """Pages differ in size and mode."""
    most = max_pixels // FRAME + 2
    count = tiff_pages(data, most) if data else 1
    _check_held(0, count, max_pixels, image)
    count = getattr(image, "n_frames", 1)
    pixels = 0
    for number in range(count):
        image.seek(number)
        tile = tiff_tag(image, 322, (0,))[0] * tiff_tag(image, 323, (0,))[0]  # decoders make room for a whole one
        pixels += max(image.size[0] * image.size[1], tile)
        _check_held(pixels, count, max_pixels, image)
    pages = Pages(*sort_pages(image, count))
    for number in pages.pictures:
        image.seek(number)
        _check_mode(image, data)
    image.seek(0)
    return pages


def _check_held(pixels: int, count: int, max_pixels: int, image: Image.Image) -> None:
    held = pixels + (count * FRAME if count > 1 else 0)
    if held <= max_pixels:
        return
    if count == 1:
        raise UnsupportedError(f"has {pixels} pixels, more than --max-pixels {max_pixels}")
    way_out = "; koala video takes it frame by frame" if image.format in ("GIF", "WEBP") else ""
    raise UnsupportedError(
        f"its frames take the memory of {held} pixels or more, above --max-pixels {max_pixels}{way_out}"
    )


def _decoded_size(image: Image.Image, data: bytes) -> tuple[int, int]:
    """Width and height of what the decoder will make room for.

    Raises:
        UnsupportedError: the file states its size in two ways.
    """
    size = image.size
    if image.format == "GIF":
        size = gif_extent(data)
    elif image.format == "PNG":
        size = struct.unpack_from(">II", data, 16)
    elif image.format == "JPEG2000" and (found := read_codestream(data)):
        size = (found.width, found.height)
    if image.format != "GIF" and size != image.size:
        raise UnsupportedError(
            f"its size is stated in two ways, {image.size[0]}x{image.size[1]} and {size[0]}x{size[1]}"
        )
    return size


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
            usual = page.bitspersample in (8, 16)
            way_out = "leave out what is beyond color" if usual else "convert it to 8 or 16 bits first"
            return f"TIFF of {kind}, is not supported; {way_out}"
    known = {b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL", b"%PDF": "PDF", b"\x76\x2f\x31\x01": "OpenEXR"}
    known |= {b"SDPX": "DPX", b"XPDS": "DPX", b"\x80\x2a\x5f\xd7": "Cineon", b"8BPS": "Photoshop PSD"}
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
        raise UnsupportedError(
            f"16-bit TIFF pictures of {samples} channels are not supported; leave out what is beyond color"
        )


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
