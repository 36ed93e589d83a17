"""Write TIFF of any depth, page by page or strip by strip; read large scans strip by strip.

tifffile writes what Pillow cannot: 16 bits per channel with profile and tags, pages of different
kinds, and pictures that never are in memory as a whole.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from koalacli.errors import InputError
from koalacli.io.picture.metadata import Metadata, orientation_of, read_metadata
from koalacli.io.picture.profiles import SRGB, color_space, convert_gray, is_srgb
from koalacli.io.picture.read import Picture
from koalacli.io.picture.sniff import TIFF_MAGIC, check_support

XMP, IPTC, EXIF_FOLDER, GPS_FOLDER = 700, 33723, 0x8769, 0x8825
STRIP_BYTES = 1 << 18
CLASSIC_LIMIT = 3 << 30  # bytes of pixels above which offsets need 64 bits
COMPRESSION = 4  # of zlib: levels above cost much and save little on photographs
LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)  # none, LZW, deflate, packbits, LZMA, Zstandard
LARGE = 48_000_000  # pixels from which a TIFF is read in strips
_BYTE, _ASCII, _UNDEFINED, _LONG = 1, 2, 7, 4


def encode_tiff(picture: Picture) -> bytes:
    """A TIFF file of all pages."""
    buffer = io.BytesIO()
    size = sum(frame.pixels.nbytes for frame in picture.frames)
    with tifffile.TiffWriter(buffer, bigtiff=size > CLASSIC_LIMIT, byteorder="<") as writer:
        for number, frame in enumerate(picture.frames):
            pixels = frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha])
            extra = {} if frame.alpha is None else {"extrasamples": ["unassalpha"]}
            metadata = picture.metadata if number == 0 else Metadata(dpi=picture.metadata.dpi)
            _write_page(writer, pixels, pixels.shape, pixels.dtype, metadata, compressed=picture.compressed, **extra)
    _add_folders(buffer, picture.metadata)
    return buffer.getvalue()


def _write_page(
    writer: Any, data: Any, shape: tuple[int, ...], dtype: Any, metadata: Metadata, *, compressed: bool, **options: Any
) -> None:
    exif = _exif(metadata)
    tags: list[tuple[int, int, int, Any, bool]] = [
        (tag, _ASCII, 0, value, True)
        for tag, value in exif.items()
        if isinstance(value, str) and tag not in (EXIF_FOLDER, GPS_FOLDER)
    ]
    if metadata.xmp:
        tags.append((XMP, _BYTE, len(metadata.xmp), metadata.xmp, True))
    if metadata.iptc:
        tags.append((IPTC, _UNDEFINED, len(metadata.iptc), metadata.iptc, True))
    if metadata.dpi:
        options.update(resolution=metadata.dpi, resolutionunit=2)
    writer.write(
        data,
        shape=shape,
        dtype=dtype,
        photometric="rgb",
        compression="adobe_deflate" if compressed else None,
        compressionargs={"level": COMPRESSION} if compressed else None,
        predictor=compressed and dtype != np.uint8,
        rowsperstrip=rows_per_strip(shape, dtype),
        iccprofile=metadata.icc or SRGB,
        extratags=tags,
        metadata=None,
        software=False,
        **options,
    )


def rows_per_strip(shape: tuple[int, ...], dtype: Any) -> int:
    """Rows of a strip of moderate size."""
    return int(max(1, min(shape[0], STRIP_BYTES // (shape[1] * shape[2] * np.dtype(dtype).itemsize))))


def _exif(metadata: Metadata) -> Image.Exif:
    exif = Image.Exif()
    if metadata.exif:
        exif.load(b"Exif\0\0" + metadata.exif)
    return exif


def _add_folders(file: Any, metadata: Metadata) -> None:
    """Append the EXIF and GPS folders: tifffile writes flat tags only.

    The first directory is written again at the end, with pointers to the folders in it.
    """
    exif = _exif(metadata)
    folders = {tag: exif.get_ifd(tag) for tag in (EXIF_FOLDER, GPS_FOLDER) if tag in exif}
    if not folders:
        return
    file.seek(0)
    large = file.read(4)[2] == 43  # BigTIFF
    offset, count, entry = ("<Q", "<Q", "<HHQQ") if large else ("<I", "<H", "<HHII")
    place = 8 if large else 4  # where the header points to the first directory
    entries, following = _read_directory(file, place, offset, count, struct.calcsize(entry))
    for tag, content in folders.items():
        folder = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0", group=tag)
        for key, value in content.items():
            if not isinstance(value, dict):  # folders inside folders serve makers' software only
                folder[key] = value
        at = _end(file)
        file.write(folder.tobytes(at))
        entries.append(struct.pack(entry, tag, _LONG, 1, at))
    at = _end(file)
    entries.sort(key=lambda item: struct.unpack_from("<H", item))
    file.write(struct.pack(count, len(entries)) + b"".join(entries) + following)
    file.seek(place)
    file.write(struct.pack(offset, at))


def _read_directory(file: Any, place: int, offset: str, count: str, size: int) -> tuple[list[bytes], bytes]:
    """Entries of the directory that a place in the file points to, and the pointer to the next one."""
    file.seek(place)
    file.seek(*struct.unpack(offset, file.read(struct.calcsize(offset))))
    (number,) = struct.unpack(count, file.read(struct.calcsize(count)))
    return [file.read(size) for _ in range(number)], file.read(struct.calcsize(offset))


def _end(file: Any) -> int:
    """Go to the end, on an even offset as the format wants it."""
    at = int(file.seek(0, io.SEEK_END))
    file.write(b"\0" * (at % 2))
    return at + at % 2


# ---- large scans ---------------------------------------------------------------------------


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
        _write_page(writer, encoded, shape, scan.dtype, metadata, compressed=scan.compressed)
    _add_folders(file, metadata)


def _encode_strip(strip: NDArray[Any], *, compressed: bool) -> bytes:
    """Bytes of a strip: tifffile takes strips of an iterator only as they go into the file."""
    if not compressed:
        return strip.tobytes()
    if strip.dtype != np.uint8:  # predictor 2: differences to the left neighbor, wrapping around
        strip = np.concatenate([strip[:, :1], strip[:, 1:] - strip[:, :-1]], axis=1)
    return zlib.compress(strip.tobytes(), COMPRESSION)
