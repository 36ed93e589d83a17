"""Write TIFF of any depth, page by page or strip by strip.

tifffile writes what Pillow cannot: 16 bits per channel with profile and tags, and pages of different kinds.
"""

import io
import struct
from typing import Any

import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin

from koalacli.io.picture.metadata import Metadata
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.profiles import SRGB

XMP, IPTC, EXIF_FOLDER, GPS_FOLDER = 700, 33723, 0x8769, 0x8825
STRIP_BYTES = 1 << 18
CLASSIC_LIMIT = 3 << 30  # bytes of pixels above which offsets need 64 bits
COMPRESSION = 1  # of deflate: behind the predictor levels above cost half as much again and save a fiftieth
_BYTE, _ASCII, _UNDEFINED, _LONG = 1, 2, 7, 4


def encode_tiff(picture: Picture) -> bytes:
    """A TIFF file of all pages."""
    buffer = io.BytesIO()
    size = sum(frame.pixels.nbytes for frame in picture.frames)
    with tifffile.TiffWriter(buffer, bigtiff=size > CLASSIC_LIMIT, byteorder="<") as writer:
        for number, frame in enumerate(picture.frames):
            _write_apart(writer, picture, number)
            planes = [plane for plane in (frame.alpha, frame.extra) if plane is not None]
            pixels = np.dstack([frame.pixels, *planes]) if planes else frame.pixels
            names = [] if frame.alpha is None else ["unassalpha"]
            names += [] if frame.extra is None else ["unspecified"] * frame.extra.shape[2]
            extra = {"extrasamples": names} if names else {}
            metadata = picture.metadata if number == 0 else Metadata(dpi=picture.metadata.dpi)
            write_page(writer, pixels, pixels.shape, pixels.dtype, metadata, compressed=picture.compressed, **extra)
        _write_apart(writer, picture, len(picture.frames))
    _say_what_is_apart(buffer, picture)
    add_folders(buffer, picture.metadata)
    return buffer.getvalue()


def _write_apart(writer: Any, picture: Picture, number: int) -> None:
    """Write the pages that stand before a frame and are no pictures, as they were."""
    for page in picture.apart:
        if page.after == number:
            packed = "adobe_deflate" if picture.compressed and page.pixels.dtype != np.bool_ else None
            photometric = page.photometric if page.pixels.dtype == np.bool_ else "minisblack"
            # The kind is set afterwards; without one there would be no tag to set.
            options = {"compression": packed, "subfiletype": 2, "metadata": None, "software": False}
            writer.write(page.pixels, photometric=photometric, **options)


def _say_what_is_apart(file: Any, picture: Picture) -> None:
    """Set the tags of those pages to what they said: tifffile itself writes no gray masks."""
    order = [(page.after, page) for page in picture.apart]
    if not order:
        return
    file.seek(0)
    with tifffile.TiffFile(file) as written:
        for at, (after, page) in enumerate(order):
            tags = written.pages[after + at].aspage().tags
            tags["NewSubfileType"].overwrite(page.kind)
            tags["PhotometricInterpretation"].overwrite(page.photometric)


def write_page(
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
        predictor=compressed,
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


def add_folders(file: Any, metadata: Metadata) -> None:
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
