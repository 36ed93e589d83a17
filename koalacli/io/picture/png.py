"""Write PNG of 8 and 16 bits, still or animated, with all that its metadata says.

libdeflate compresses stills, Pillow animations; the chunks of metadata are the same for both.
"""

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from koalacli.color.strips import strips
from koalacli.io.picture.metadata import Metadata
from koalacli.io.picture.picture import Frame, Picture
from koalacli.io.picture.profiles import SRGB

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_END = 8 + 25  # signature and IHDR: metadata goes right behind
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: gray, gray with alpha, rgb, rgb with alpha
AVERAGE = 3  # the filter for all rows: of the five it leaves least of photographs with grain
COMPRESSION = 1  # of libdeflate: higher levels cost half as much again and save a fiftieth
LONGEST_CHUNK = 1 << 30  # bytes; the format allows twice that
INCH = 0.0254  # meters


def encode_png(picture: Picture) -> bytes:
    """A PNG file."""
    data = _animation(picture) if picture.more else _still(picture.frames[0])
    chunks = b"".join(_chunk(kind, content) for kind, content in _metadata_chunks(picture.metadata))
    return data[:HEADER_END] + chunks + data[HEADER_END:]


def _animation(picture: Picture) -> bytes:
    images = [Image.fromarray(_planes(frame)) for frame in picture.frames]
    durations = [round(frame.milliseconds) for frame in picture.frames[picture.cover :]]
    options: dict[str, Any] = {"compress_level": 4, "pnginfo": PngInfo(), "default_image": picture.cover}
    options.update(save_all=True, append_images=images[1:], duration=durations, loop=picture.loop or 0)
    buffer = io.BytesIO()
    images[0].save(buffer, "PNG", **options)
    return buffer.getvalue()


def _still(frame: Frame) -> bytes:
    planes = np.atleast_3d(_planes(frame))
    height, width, channels = planes.shape
    header = struct.pack(">IIBBBBB", width, height, planes.itemsize * 8, COLOR_TYPES[channels], 0, 0, 0)
    packed = imagecodecs.deflate_encode(_filtered(planes), level=COMPRESSION)
    parts = [SIGNATURE, _chunk(b"IHDR", header)]
    parts += [_chunk(b"IDAT", packed[at : at + LONGEST_CHUNK]) for at in range(0, len(packed), LONGEST_CHUNK)]
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _filtered(planes: NDArray[Any]) -> bytearray:
    """Rows as they are compressed: the filter's number, then differences to the mean of left and upper byte."""
    height, width, channels = planes.shape
    reach = channels * planes.itemsize  # bytes to the same byte of the left neighbor
    content = bytearray(height * (1 + width * reach))
    found = np.frombuffer(content, np.uint8).reshape(height, -1)
    found[:, 0] = AVERAGE
    upper = np.zeros((1, width * reach), np.uint8)
    for rows in strips(height, width):
        own = planes[rows].astype(planes.dtype.newbyteorder(">"), copy=False).view(np.uint8).reshape(-1, width * reach)
        upper = np.concatenate([upper[-1:], own])
        left = np.zeros_like(own)
        left[:, reach:] = own[:, :-reach]
        mean = left & upper[:-1]
        left ^= upper[:-1]
        left >>= 1
        mean += left
        np.subtract(own, mean, out=found[rows, 1:])
    return content


def _planes(frame: Frame) -> NDArray[Any]:
    return frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha])


def _metadata_chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    # Texts come first: some readers keep what they are called beside what the other chunks say, the last one wins.
    chunks = _texts(metadata)
    chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc or SRGB)))
    if metadata.dpi:
        across, down = (round(number / INCH) for number in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc:
        # There is no chunk for IPTC; this is how ImageMagick and ExifTool write and read it.
        content = f"\niptc\n{len(metadata.iptc):8d}\n{metadata.iptc.hex()}\n".encode()
        chunks.append((b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(content)))
    return chunks


def _texts(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    chunks = []
    for key, value in metadata.text:
        name = key.encode("latin-1", "replace")[:79]
        if name and not (metadata.iptc and key == "Raw profile type iptc"):
            chunks.append((b"iTXt", name + b"\0\1\0\0\0" + zlib.compress(value.encode())))
    return chunks


def _chunk(kind: bytes, content: bytes | bytearray) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
