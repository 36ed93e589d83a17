"""Canvases: a photograph on its way, and how its color is put on.

    Still   every kind of picture: pixels are joined with color and encoded anew
    Graft   a gray JPEG: luma stays as it is in the file, chroma is added
    Scroll  a large TIFF: read, joined and written a few rows at a time

All have the same face: `guides` go to the network, `write` takes what comes back.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, BinaryIO, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Pixels
from koalacli.color.cbcr_jpeg import cbcr_planes
from koalacli.color.join import GuidedColor, colorize_pixels, merge_rows
from koalacli.color.lab import lightness_of
from koalacli.color.layer import color_layer
from koalacli.color.tone import is_colored
from koalacli.config import ColorizeConfig
from koalacli.control.solver import pixel_at, value_at
from koalacli.errors import InputError, OutputError
from koalacli.io.jpeg.layout import PROGRESSIVE, Segment, graft_cbcr
from koalacli.io.jpeg.revert import source_segments
from koalacli.io.picture.codecs import CODECS, encode
from koalacli.io.picture.graft import Graftable, encode_cbcr, luma_of_jpeg
from koalacli.io.picture.metadata import Metadata, jpeg_segments, too_long_for_jpeg
from koalacli.io.picture.picture import Frame, Picture, turn, turn_back
from koalacli.io.picture.profiles import SRGB
from koalacli.io.picture.read import decoder_errors, read_picture
from koalacli.io.picture.scans import Scan, write_scan
from koalacli.io.picture.tiff import rows_per_strip
from koalacli.photograph.guides import REDUCED, Sight, guide_of, seen_of
from koalacli.photograph.proofs import TOLERANCE, compare_lightness


class Canvas(Protocol):
    """A photograph on its way.

    Attributes:
        guides: float32 (h, w, 1) each, upright: the picture's lightness at the size that the network sees.
        seen: of the same shapes: what the network shall see, the guides but for toned pictures.
    """

    guides: list[Array]

    @property
    def seen(self) -> list[Array]: ...

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output."""

    def lightness_at(self, x: float, y: float) -> float:
        """L* of the first frame, upright, at a point: shares of width and height."""

    def relabel(self, metadata: Metadata) -> None:
        """Take other metadata for the output."""

    def write(self, file: BinaryIO, ab_planes: list[Array], name: str) -> list[str]:
        """Put color (ab, one per guide) on and write the file; returns remarks on what was lost.

        Args:
            file: open for writing, reading and seeking.
            ab_planes: float32 (h, w, 2) each, CIELAB units.
            name: of the input, for messages.

        Raises:
            OutputError: it cannot be encoded, or --verify found a difference.
        """


@dataclass
class Still:
    """A picture whose pixels are joined with color and encoded anew."""

    picture: Picture
    format: str
    config: ColorizeConfig
    guides: list[Array]
    seen: list[Array]

    @classmethod
    def open(cls, picture: Picture, format: str, config: ColorizeConfig, sight: Sight) -> "Still":
        """Take the guides of every frame."""
        guides = [guide_of(frame.pixels, sight) for frame in picture.frames]
        seen = [seen_of(frame.pixels, guide, sight) for frame, guide in zip(picture.frames, guides, strict=True)]
        return cls(picture, format, config, guides, seen)

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.picture.pixels.shape[:2]
        return height, width

    def lightness_at(self, x: float, y: float) -> float:
        return _lightness_at(self.picture.pixels, x, y)

    def relabel(self, metadata: Metadata) -> None:
        self.picture = replace(self.picture, metadata=metadata)

    def write(self, file: BinaryIO, ab_planes: list[Array], name: str) -> list[str]:
        deep = CODECS[self.format].deep
        painted = [
            replace(frame, pixels=colorize_pixels(frame.pixels, guide, ab, frame.pixels.dtype if deep else np.uint8))
            for frame, guide, ab in zip(self.picture.frames, self.guides, ab_planes, strict=True)
        ]
        if self.config.layer:
            painted = [_layer_of(frame) for frame in painted]
        first = painted[0]
        colored = replace(self.picture, pixels=first.pixels, alpha=first.alpha, more=tuple(painted[1:]))
        subsampling = "444" if self.config.chroma_subsampling == "auto" else self.config.chroma_subsampling
        data, remarks = encode(colored, self.format, self.config.quality, subsampling, name)
        if self.picture.pixels.dtype == np.uint16 and not deep:
            remarks.append(f"{self.format} has 8 bits per channel; 16 were read")
        file.write(data)
        if self.config.verify:
            remarks.append(self._verify(data, name))
        return remarks

    def _verify(self, data: bytes, name: str) -> str:
        """Decode what was written and compare lightness with what was read."""
        try:
            written = read_picture(data, f"{name}: verification failed: its output", self.config.max_pixels)
        except InputError as error:
            raise OutputError(str(error)) from error
        try:
            worst = compare_lightness(self.picture, written, self.format)
        except OutputError as error:
            raise OutputError(f"{name}: verification failed: {error}") from error
        lossless = CODECS[self.format].keeps_pixels_of(self.picture)
        return f"verified: lightness within {worst:.3f} L*" + ("" if lossless else " on average")


def _layer_of(frame: Frame) -> Frame:
    """A colored frame as a layer: where it was transparent, that is, too."""
    rgb, alpha = color_layer(frame.pixels)
    if frame.alpha is not None:
        share = frame.alpha.astype(np.float32) / np.iinfo(frame.alpha.dtype).max
        alpha = np.rint(alpha * share).astype(np.uint8)
    return replace(frame, pixels=rgb, alpha=alpha)


@dataclass
class Graft:
    """A gray JPEG that keeps its luma; the picture stays turned as the file has it, EXIF says how."""

    source: bytes
    graftable: Graftable
    config: ColorizeConfig
    guides: list[Array]
    digest: str = ""

    @classmethod
    def open(
        cls, source: bytes, graftable: Graftable, config: ColorizeConfig, sight: Sight, digest: str = ""
    ) -> "Graft":
        """Take the guide from the luma; `digest` is the source's SHA-256, hexadecimal, where it is known already."""
        return cls(source, graftable, config, [guide_of(_upright(graftable), sight)], digest)

    @property
    def seen(self) -> list[Array]:
        return self.guides

    @property
    def size(self) -> tuple[int, int]:
        return self.graftable.layout.height, self.graftable.layout.width

    @cached_property
    def _upright(self) -> Pixels:
        return _upright(self.graftable)

    def lightness_at(self, x: float, y: float) -> float:
        return _lightness_at(self._upright, x, y)

    def relabel(self, metadata: Metadata) -> None:
        self.graftable = replace(self.graftable, metadata=metadata)

    def write(self, file: BinaryIO, ab_planes: list[Array], name: str) -> list[str]:
        layout, turned = self.graftable.layout, self.graftable.orientation
        guide, ab = turn_back(self.guides[0], turned), turn_back(ab_planes[0], turned)
        blue, red = cbcr_planes(self.graftable.luma, guide, ab, self.graftable.meaning)
        progressive = layout.frame == PROGRESSIVE
        cb, cr = (encode_cbcr(plane, self.config.quality, progressive) for plane in (blue, red))
        metadata = replace(self.graftable.metadata, icc=self.graftable.metadata.icc or SRGB)
        data = graft_cbcr(layout, cb, cr, self.graftable.subsampling, jpeg_segments(metadata) + self._carried())
        file.write(data)
        remarks = too_long_for_jpeg(metadata)
        if not self.config.verify:
            return remarks
        if not np.array_equal(luma_of_jpeg(data), luma_of_jpeg(self.source)):
            raise OutputError(f"{name}: verification failed: the luma of input and output differ")
        return [*remarks, "verified: luma is identical"]

    def _carried(self) -> list[Segment]:
        """What of the source `koala revert` needs; a source's metadata is part of it."""
        asked = self.config.revertible and not self.config.strip_metadata
        if not asked:
            return []
        digest = bytes.fromhex(self.digest) or hashlib.sha256(self.source).digest()
        return source_segments(self.source, self.graftable.source, digest, self.graftable.rests)


def _upright(graftable: Graftable) -> Pixels:
    """Gray as it is meant and seen, at the size of the chroma."""
    gray = graftable.luma if graftable.meaning is None else graftable.meaning[graftable.luma]
    return turn(gray, graftable.orientation)


@dataclass
class Scroll:
    """A large TIFF that never is in memory as a whole; `colored` says that it is in color already."""

    scan: Scan
    metadata: Metadata
    config: ColorizeConfig
    guides: list[Array]
    seen: list[Array]
    colored: bool

    @classmethod
    def open(cls, scan: Scan, metadata: Metadata, config: ColorizeConfig, sight: Sight) -> "Scroll":
        """Average the scan down while reading it once, and take the guide from that."""
        # Squares of equal size are averaged, so a strip of whole squares needs no neighbor.
        network = sight.network_shape(scan.height, scan.width)
        side = max(1, min(scan.height // (REDUCED * network[0]), scan.width // (REDUCED * network[1])))
        step = max(1, (1 << 21) // scan.width // side) * side
        lightness, codes = [], []
        for pixels in scan.strips(step):
            lightness.append(_average(lightness_of(pixels)[..., 0], side))
            codes += [_average(pixels, side)] if pixels.ndim == 3 else []
        guide = sight.shrink(np.concatenate(lightness)[..., None])
        if not codes:
            return cls(scan, metadata, config, [guide], [guide], colored=False)
        small = np.concatenate(codes)
        return cls(scan, metadata, config, [guide], [seen_of(small, guide, sight)], is_colored(small))

    @property
    def size(self) -> tuple[int, int]:
        return self.scan.height, self.scan.width

    def lightness_at(self, x: float, y: float) -> float:
        return value_at(self.guides[0], x, y)  # single pixels of a scan this large are grain

    def relabel(self, metadata: Metadata) -> None:
        self.metadata = metadata

    def write(self, file: BinaryIO, ab_planes: list[Array], name: str) -> list[str]:
        worst: list[float] = []
        write_scan(file, self._painted(ab_planes[0], worst, name), self.scan, self.metadata)
        if not self.config.verify:
            return []
        allowed = TOLERANCE[self.scan.dtype.name]
        if max(worst) > allowed:
            raise OutputError(f"{name}: verification failed: lightness differs by {max(worst):.3f} L*, above {allowed}")
        return [f"verified: lightness within {max(worst):.3f} L*"]

    def _painted(self, ab: Array, worst: list[float], name: str) -> Iterator[Pixels]:
        color = GuidedColor(ab, self.guides[0], *self.size)
        first = 0
        for pixels in self._strips(name):
            lightness = lightness_of(pixels)
            painted = merge_rows(color, first, lightness, self.scan.dtype)
            if self.config.verify:
                worst.append(float(np.abs(lightness_of(painted) - lightness).max()))
            first += len(pixels)
            yield painted

    def _strips(self, name: str) -> Iterator[Pixels]:
        with decoder_errors(name):
            yield from self.scan.strips(rows_per_strip((*self.size, 3), self.scan.dtype))
            self.scan.check_unchanged()


def _lightness_at(pixels: Pixels, x: float, y: float) -> float:
    row, column = pixel_at(pixels.shape, x, y)
    return float(lightness_of(pixels[row : row + 1, column : column + 1])[0, 0, 0])


def _average(lightness: NDArray[Any], side: int) -> NDArray[Any]:
    """Means of squares; at the right and the bottom the last pixels are repeated to fill them."""
    height, width = lightness.shape[:2]
    size = (-(-width // side), -(-height // side))
    missing = (size[1] * side - height, size[0] * side - width)
    if any(missing):
        lightness = cv2.copyMakeBorder(lightness, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(lightness, size, interpolation=cv2.INTER_AREA))
