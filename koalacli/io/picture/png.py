"""Write PNG of 8 and 16 bits, still or animated, with all that its metadata says.

Pillow compresses 8 bits, OpenCV 16; the chunks of metadata are the same for both.
"""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from koalacli.errors import OutputError
from koalacli.io.picture.metadata import Metadata
from koalacli.io.picture.picture import Frame, Picture
from koalacli.io.picture.profiles import SRGB

HEADER_END = 8 + 25  # signature and IHDR: metadata goes right behind
INCH = 0.0254  # meters


def encode_png(picture: Picture) -> bytes:
    """A PNG file."""
    data = _deep(picture.frames[0]) if picture.pixels.dtype == np.uint16 else _shallow(picture)
    chunks = b"".join(_chunk(kind, content) for kind, content in _metadata_chunks(picture.metadata))
    return data[:HEADER_END] + chunks + data[HEADER_END:]


def _shallow(picture: Picture) -> bytes:
    images = [_image(frame) for frame in picture.frames]
    options: dict[str, Any] = {"compress_level": 4, "pnginfo": PngInfo()}
    if picture.more:
        durations = [round(frame.milliseconds) for frame in picture.frames[picture.cover :]]
        options.update(save_all=True, append_images=images[1:], duration=durations, loop=picture.loop or 0)
        options["default_image"] = picture.cover
    buffer = io.BytesIO()
    images[0].save(buffer, "PNG", **options)
    return buffer.getvalue()


def _image(frame: Frame) -> Image.Image:
    return Image.fromarray(frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha]))


def _deep(frame: Frame) -> bytes:
    planes = [frame.pixels[..., ::-1], *([] if frame.alpha is None else [frame.alpha])]
    done, data = cv2.imencode(".png", np.dstack(planes))
    if not done:
        raise OutputError("cannot be encoded as 16-bit PNG")
    return data.tobytes()


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


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
