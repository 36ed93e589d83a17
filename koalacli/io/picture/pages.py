"""What a TIFF says its pages and channels are: pictures, smaller copies, masks, infrared; only pictures get color.

TIFF 6.0, NewSubfileType, SubfileType, SubIFDs and ExtraSamples. An infrared channel is an extra sample without a
meaning, or a page that says it is a mask; both are kept as they are.
"""

import io
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from koalacli.errors import InputError, UnsupportedError
from koalacli.io.picture.picture import Apart, turn

NEW_SUBFILE, SUBFILE, PHOTOMETRIC, SAMPLES, INSIDE, EXTRA = 254, 255, 262, 277, 330, 338
_REDUCED, _MASK, _DEPTH = 1, 4, 8  # bits of NewSubfileType; the last is Adobe's
_OLD_REDUCED = 2  # of SubfileType
_TRANSPARENCY = 4  # photometric
ALPHA = (1, 2)  # of ExtraSamples: premultiplied, straight
COLORS = {0: 1, 1: 1, 2: 3, 5: 4, 6: 3}  # photometric -> channels that are color


def tiff_tag(image: Image.Image, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """Values of a tag of the current page."""
    value = image.tag_v2.get(tag, default)  # type: ignore[attr-defined]
    return value if isinstance(value, tuple) else (value,)


def sort_pages(image: Image.Image, count: int) -> tuple[list[int], list[int], list[int]]:
    """Numbers of the pages that are pictures, of those that are smaller copies, and of the others.

    Raises:
        UnsupportedError: the picture itself lies inside its smaller copy, as in raw files.
    """
    pictures, copies, others = [], [], []
    for number in range(count):
        image.seek(number)
        kind = tiff_tag(image, NEW_SUBFILE, (0,))[0]
        if kind & (_MASK | _DEPTH) or tiff_tag(image, PHOTOMETRIC, (1,))[0] == _TRANSPARENCY:
            others.append(number)
        elif kind & _REDUCED or tiff_tag(image, SUBFILE, (0,))[0] == _OLD_REDUCED:
            copies.append(number)
        else:
            pictures.append(number)
    if not pictures:
        image.seek((copies or others)[0])
        if tiff_tag(image, INSIDE, ()):
            raise UnsupportedError("raw files, which hold their picture inside a smaller copy, are not supported")
        found = copies or others  # all that there is, whatever it calls itself
        pictures = [found.pop(0)]
    image.seek(0)
    return pictures, copies, others


def alpha_channel(image: Image.Image) -> int | None:
    """Number of the channel of the current page that says it is transparency."""
    (photometric,), (samples,) = tiff_tag(image, PHOTOMETRIC, (1,)), tiff_tag(image, SAMPLES, (1,))
    colors = COLORS.get(photometric, samples)
    meanings = tiff_tag(image, EXTRA, ())[: samples - colors]  # without a word there is no meaning
    return next((colors + at for at, meaning in enumerate(meanings) if meaning in ALPHA), None)


def extra_channels(image: Image.Image) -> list[int]:
    """Numbers of the channels of the current page that are neither color nor transparency."""
    (photometric,), (samples,) = tiff_tag(image, PHOTOMETRIC, (1,)), tiff_tag(image, SAMPLES, (1,))
    alpha = alpha_channel(image)
    return [number for number in range(COLORS.get(photometric, samples), samples) if number != alpha]


def channels_of(page: Any) -> NDArray[Any]:
    """All samples of a page as stored: (H, W) or (H, W, channels).

    Raises:
        InputError: a part is missing.
        UnsupportedError: they are arranged in another way.
    """
    if not all(page.databytecounts):
        raise InputError("a strip or tile is missing")
    pixels: NDArray[Any] = page.asarray(maxworkers=1)
    if page.axes == "SYX":  # planes one after the other
        pixels = np.moveaxis(pixels, 0, -1)
    if page.axes not in ("YX", "YXS", "SYX"):
        raise UnsupportedError("a TIFF whose pixels are arranged in an unusual way is not supported")
    return np.ascontiguousarray(pixels)


def read_apart(data: bytes, others: list[int], pictures: list[int], remarks: list[str]) -> tuple[Apart, ...]:
    """The pages that are no pictures, as they are; what cannot be kept is named."""
    found = []
    for number in others:
        try:
            with tifffile.TiffFile(io.BytesIO(data)) as file:
                page: Any = file.pages[number].aspage()
                pixels = channels_of(page)
                if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16, np.bool_):
                    raise UnsupportedError("it is no gray plane")
                kind = int(page.subfiletype) or _MASK
                after = sum(place < number for place in pictures)
                turned = page.tags.get("Orientation")
                pixels = turn(pixels, int(turned.value)) if turned else pixels
                found.append(Apart(pixels, int(page.photometric), kind, after))
        # Whatever the decoder stumbles over: the picture itself can be read.
        except Exception:
            remarks.append(f"page {number + 1}, a mask or infrared plane, cannot be kept and is left out")
    return tuple(found)
