"""Large scans: TIFF that is read and written strip by strip, and never is in memory as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from koalacli.errors import InputError
from koalacli.io.picture.metadata import Metadata, orientation_of, read_metadata
from koalacli.io.picture.profiles import color_space, convert_gray, is_srgb
from koalacli.io.picture.sniff import TIFF_MAGIC, check_support
from koalacli.io.picture.tiff import CLASSIC_LIMIT, COMPRESSION, STRIP_BYTES, add_folders, write_page

LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)  # none, LZW, deflate, packbits, LZMA, Zstandard
LARGE = 48_000_000  # pixels from which a TIFF is read in strips


@dataclass(frozen=True)
class Scan:
    """A large TIFF that is read a few rows at a time.

    Attributes:
        path: of the file.
        height, width: pixels.
        channels: 1 or 3.
        dtype: uint8 or uint16.
        compressed: whether its pixels are.
        metadata: see Metadata.
        profile: its gray profile, or nothing.
        inverted: whether 0 is white.
        stamp: size and modification time of the file when it was opened.
    """

    path: Path
    height: int
    width: int
    channels: int
    dtype: Any
    compressed: bool
    metadata: Metadata
    profile: bytes
    inverted: bool
    stamp: tuple[int, int]

    def check_unchanged(self) -> None:
        """Raises InputError if the file is no longer what it was when it was opened."""
        if _stamp(self.path) != self.stamp:
            raise InputError("the file changed while it was read; run again when it is complete")

    def strips(self, rows: int) -> Iterator[NDArray[Any]]:
        """Pixels (rows, W) or (rows, W, 3) from top to bottom, gamma-encoded sRGB; the last may have fewer rows."""
        held: list[NDArray[Any]] = []
        for band in self._bands():
            held.append(band)
            if sum(map(len, held)) < rows:
                continue
            joined = held[0] if len(held) == 1 else np.concatenate(held)
            whole = len(joined) // rows * rows
            for first in range(0, whole, rows):
                yield self._meaning(joined[first : first + rows])
            held = [joined[whole:]] if whole < len(joined) else []
        if held:
            yield self._meaning(np.concatenate(held))

    def _meaning(self, pixels: NDArray[Any]) -> NDArray[Any]:
        pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
        if self.inverted:
            pixels = ~pixels
        return convert_gray(pixels, self.profile) if self.profile else pixels

    def _bands(self) -> Iterator[NDArray[Any]]:
        """The file's own strips, or rows of tiles."""
        with tifffile.TiffFile(self.path) as file:
            page: Any = file.pages.first
            if page.is_memmappable:
                yield from self._plain_bands(page.dataoffsets[0], page.parent.byteorder)
                return
            band: NDArray[Any] | None = None
            top = 0
            for segment, (_, _, y, x, _), _ in page.segments(maxworkers=1, buffersize=STRIP_BYTES * 16):
                if segment is None:
                    raise ValueError("a strip or tile is missing")
                tile = segment[0] if self.channels == 3 else segment[0, ..., 0]
                if band is not None and y != top:
                    yield band
                    band = None
                if band is None:
                    rows = min(tile.shape[0], self.height - y)
                    band, top = np.empty((rows, self.width, *tile.shape[2:]), self.dtype), y
                part = tile[: len(band), : self.width - x]
                band[: len(part), x : x + part.shape[1]] = part
            if band is not None:
                yield band

    def _plain_bands(self, offset: int, byteorder: str) -> Iterator[NDArray[Any]]:
        """Rows that lie in the file one after the other, as they are; mapping it would fill memory with it."""
        shape = (self.width, self.channels) if self.channels > 1 else (self.width,)
        dtype = np.dtype(self.dtype).newbyteorder(byteorder)
        row = self.width * self.channels
        step = max(1, STRIP_BYTES * 4 // row)
        with self.path.open("rb") as file:
            file.seek(offset)
            for first in range(0, self.height, step):
                rows = min(step, self.height - first)
                yield np.fromfile(file, dtype, rows * row).reshape(rows, *shape)


def open_scan(path: Path, max_pixels: int) -> Scan | None:
    """A Scan of a large single-page TIFF that can be read in strips; None for all other files.

    Raises:
        UnsupportedError: it has more than `max_pixels`.
    """
    with path.open("rb") as file:
        if file.read(4) not in TIFF_MAGIC:
            return None
    stamp = _stamp(path)
    try:
        opened = Image.open(path)
    except UnidentifiedImageError:
        return None
    with opened as image:
        large = image.format == "TIFF" and image.size[0] * image.size[1] >= LARGE
        if not large or getattr(image, "n_frames", 1) > 1 or orientation_of(image.getexif()) != 1:
            return None
        check_support(image, b"", max_pixels)
        metadata = read_metadata(image, b"", image.size, 1)
        profile = image.info.get("icc_profile", b"")
    space = "" if is_srgb(profile) else color_space(profile)
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages.first
        if not _is_plain(page) or (space and (space != "GRAY" or page.samplesperpixel != 1)):
            return None
        return Scan(
            path, page.imagelength, page.imagewidth, page.samplesperpixel, page.dtype, page.compression != 1, metadata,
            profile if space else b"", page.photometric == 0, stamp,
        )  # fmt: skip


def _is_plain(page: Any) -> bool:
    """Whether tifffile decodes a page, strip by strip, into gray or rgb of 8 or 16 bits."""
    return bool(
        page.compression in LOSSLESS
        and page.planarconfig == 1
        and page.fillorder == 1
        and page.predictor in (1, 2)
        and page.samplesperpixel in (1, 3)
        and page.photometric in (0, 1, 2)
        and page.dtype in (np.uint8, np.uint16)
        and page.bitspersample == page.dtype.itemsize * 8
        and page.shape[:2] == (page.imagelength, page.imagewidth)
    )


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def write_scan(file: BinaryIO, strips: Iterator[NDArray[Any]], scan: Scan, metadata: Metadata) -> None:
    """Write rgb strips of `rows_per_strip` rows, as they come, with the size and depth of a scan."""
    shape = (scan.height, scan.width, 3)
    large = scan.height * scan.width * 3 * scan.dtype.itemsize > CLASSIC_LIMIT
    with tifffile.TiffWriter(file, bigtiff=large, byteorder="<") as writer:
        encoded = (_encode_strip(strip, compressed=scan.compressed) for strip in strips)
        write_page(writer, encoded, shape, scan.dtype, metadata, compressed=scan.compressed)
    add_folders(file, metadata)


def _encode_strip(strip: NDArray[Any], *, compressed: bool) -> bytes:
    """Bytes of a strip: tifffile takes strips of an iterator only as they go into the file."""
    if not compressed:
        return strip.tobytes()
    # Predictor 2: differences to the left neighbor, wrapping around.
    strip = np.concatenate([strip[:, :1], strip[:, 1:] - strip[:, :-1]], axis=1)
    return bytes(imagecodecs.deflate_encode(strip.tobytes(), level=COMPRESSION))
