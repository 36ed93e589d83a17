"""Decode 16 bits per channel, of which Pillow would drop half: TIFF by tifffile, PNG and JPEG 2000 by OpenCV."""

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from koalacli.errors import InputError, UnsupportedError
from koalacli.io.picture.pages import channels_of, extra_channels
from koalacli.io.picture.sniff import is_deep

Planes = NDArray[np.uint16]  # (H, W) or (H, W, 2..4): gray or rgb, alpha last
PREMULTIPLIED = 1  # of a TIFF's extra samples


def deep_pages(image: Image.Image, data: bytes, pages: list[int]) -> dict[int, Planes]:
    """Pages of 16 bits by number, uint16; of a TIFF without channels that are neither color nor transparency.

    Raises:
        InputError: damaged.
        UnsupportedError: of a kind that is decoded to something else.
    """
    numbers = []
    for number in pages:
        image.seek(number)
        if is_deep(image, data):
            numbers.append(number)
    image.seek(0)
    if not numbers:
        return {}
    if image.format == "TIFF":
        return _from_tiff(image, data, numbers, _color_and_alpha)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise InputError("the file is damaged or cut off")
    if pixels.dtype != np.uint16 or pixels.shape[:2] != (image.size[1], image.size[0]):
        raise UnsupportedError(f"a 16-bit {image.format} of a kind that is not supported")
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]])
    return {0: pixels}


def extra_planes(image: Image.Image, data: bytes, pages: list[int]) -> dict[int, NDArray[Any]]:
    """Channels of a TIFF that are neither color nor transparency, (H, W, n), by page.

    Raises:
        InputError: damaged.
        UnsupportedError: of a kind that cannot be taken apart.
    """
    if image.format != "TIFF":
        return {}
    numbers = []
    for number in pages:
        image.seek(number)
        if extra_channels(image):
            numbers.append(number)
    image.seek(0)
    return _from_tiff(image, data, numbers, lambda page, pixels, extra: pixels[..., extra]) if numbers else {}


def _from_tiff(
    image: Image.Image, data: bytes, numbers: list[int], take: Callable[[Any, NDArray[Any], list[int]], NDArray[Any]]
) -> dict[int, NDArray[Any]]:
    """What is taken of pages, given all channels and the numbers of those without a meaning."""
    found = {}
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for number in numbers:
            image.seek(number)
            page: Any = file.pages[number]
            # The limit of pixels was checked for what Pillow found.
            if page.imagewidth * page.imagelength != image.size[0] * image.size[1]:
                raise InputError("its size is stated in two ways")
            found[number] = np.ascontiguousarray(take(page, channels_of(page), extra_channels(image)))
    return found


def _color_and_alpha(page: Any, pixels: NDArray[Any], extra: list[int]) -> Planes:
    if pixels.dtype != np.uint16:
        raise UnsupportedError("a 16-bit TIFF of a kind that is not supported")
    if extra:
        pixels = np.delete(pixels, extra, axis=-1)
        pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    if page.photometric == 0:  # white is zero
        pixels = np.concatenate([~pixels[..., :1], pixels[..., 1:]], -1) if pixels.ndim == 3 else ~pixels
    if not extra and page.extrasamples and page.extrasamples[0] == PREMULTIPLIED:
        alpha = pixels[..., -1:]
        whole = np.maximum(alpha, 1).astype(np.float32)
        straight = np.minimum(pixels[..., :-1] * (np.float32(65535) / whole) + np.float32(0.5), 65535)
        pixels = np.concatenate([straight.astype(np.uint16), alpha], -1)
    return pixels
