"""Decode 16 bits per channel, of which Pillow would drop half: TIFF by tifffile, PNG and JPEG 2000 by OpenCV."""

import io
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from koalacli.errors import InputError, UnsupportedError
from koalacli.io.picture.sniff import is_deep

Planes = NDArray[np.uint16]  # (H, W) or (H, W, 2..4): gray or rgb, alpha last
PREMULTIPLIED = 1  # of a TIFF's extra samples


def deep_pages(image: Image.Image, data: bytes, count: int) -> dict[int, Planes]:
    """Pages of 16 bits by number, uint16.

    Raises:
        InputError: damaged.
        UnsupportedError: of a kind that is decoded to something else.
    """
    numbers = []
    for number in range(count):
        image.seek(number)
        if is_deep(image, data):
            numbers.append(number)
    image.seek(0)
    if not numbers:
        return {}
    if image.format == "TIFF":
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return {number: _tiff_page(file.pages[number], _area(image, number)) for number in numbers}
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise InputError("the file is damaged or cut off")
    if pixels.dtype != np.uint16 or pixels.shape[:2] != (image.size[1], image.size[0]):
        raise UnsupportedError(f"a 16-bit {image.format} of a kind that is not supported")
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]])
    return {0: pixels}


def _area(image: Image.Image, number: int) -> int:
    image.seek(number)
    return image.size[0] * image.size[1]


def _tiff_page(page: Any, area: int) -> Planes:
    if page.imagewidth * page.imagelength != area:  # the limit of pixels was checked for what Pillow found
        raise InputError("its size is stated in two ways")
    if not all(page.databytecounts):
        raise InputError("a strip or tile is missing")
    pixels: NDArray[Any] = page.asarray(maxworkers=1)
    if page.axes == "SYX":  # planes one after the other
        pixels = np.moveaxis(pixels, 0, -1)
    if page.axes not in ("YX", "YXS", "SYX") or pixels.dtype != np.uint16:
        raise UnsupportedError("a 16-bit TIFF of a kind that is not supported")
    pixels = np.ascontiguousarray(pixels)
    if page.photometric == 0:  # white is zero
        pixels = np.concatenate([~pixels[..., :1], pixels[..., 1:]], -1) if pixels.ndim == 3 else ~pixels
    if page.extrasamples and page.extrasamples[0] == PREMULTIPLIED:
        alpha = pixels[..., -1:]
        whole = np.maximum(alpha, 1).astype(np.float32)
        straight = np.minimum(pixels[..., :-1] * (np.float32(65535) / whole) + np.float32(0.5), 65535)
        pixels = np.concatenate([straight.astype(np.uint16), alpha], -1)
    return pixels
