"""Judge one reference: make its floors, compare everything with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from koalacli.arrays import Array, Rgb8
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.errors import InputError
from koalacli.metrics.comparison import Comparison, View
from koalacli.metrics.floors import floor_pictures
from koalacli.metrics.pictures import SSIM_WINDOW, mean_chroma
from koalacli.metrics.results import Judged, bin_shares, measure
from koalacli.pipelines.evaluate.items import PROTOCOLS, Item, read_rgb8, to_rgb8

GRAY_CHROMA = 2.0  # CIELAB units; a reference whose mean chroma is less has no color to compare with
REFERENCE = "reference"
THUMBNAIL = 96  # pixels a side; enough for a mean color


@dataclass(frozen=True)
class OpenedItem:
    """A reference, prepared, with what colors it: guides for the network, or finished colorings.

    Attributes:
        rgb8: the reference, uint8 (H, W, 3).
        lightness: its L*, float32 (H, W, 1).
        guides: lightness as each Colorizer's network sees it.
        finished: colorings from --pred.
    """

    rgb8: Rgb8
    lightness: Array
    guides: tuple[Array, ...]
    finished: tuple[Rgb8, ...]


def open_item(item: Item, protocol: str, colorizers: Sequence[Colorizer]) -> OpenedItem:
    """Read and prepare one reference with its finished colorings; see `read_prepared` for what can fail."""
    rgb8, finished = read_prepared(item, protocol)
    lightness = lightness_of(rgb8)
    guides = tuple(colorizer.shrink(lightness) for colorizer in colorizers)
    return OpenedItem(rgb8, lightness, guides, finished)


def read_prepared(item: Item, protocol: str) -> tuple[Rgb8, tuple[Rgb8, ...]]:
    """A reference and its finished colorings, as a protocol prepares them.

    Raises:
        InputError: unreadable, of different sizes, too small, or a reference without color.
    """
    reference = read_rgb8(item.reference)
    finished = [read_rgb8(sample) for sample in item.predictions]
    height, width = reference.shape[:2]
    for rgb8 in finished:
        if rgb8.shape != reference.shape:
            size = f"the prediction has {rgb8.shape[1]}x{rgb8.shape[0]} pixels, the reference {width}x{height}"
            raise InputError(f"{item.name}: {size}")
    if min(height, width) < SSIM_WINDOW:
        raise InputError(f"{item.name}: {width}x{height} pixels are too few to judge; {SSIM_WINDOW} a side at least")
    if mean_chroma(thumbnail_lab(reference)[..., 1:]) < GRAY_CHROMA:
        raise gray_reference(item)
    prepare = PROTOCOLS[protocol]
    return prepare(reference), tuple(map(prepare, finished))


def gray_reference(item: Item) -> InputError:
    """There is nothing to compare color with."""
    return InputError(f"{item.name}: the reference is gray (mean chroma below {GRAY_CHROMA:g})")


def colorize_opened(opened: OpenedItem, small_abs: Sequence[Array], colorizers: Sequence[Colorizer]) -> list[Rgb8]:
    """Predictions at full size, in the order of the subjects."""
    colored = zip(colorizers, opened.guides, small_abs, strict=True)
    made = [to_rgb8(colorizer.merge(opened.lightness, guide, ab)) for colorizer, guide, ab in colored]
    return made or list(opened.finished)


class Judge:
    """Compares predictions and floors with a reference.

    Args:
        subjects: names of the predictions, in order.
        mean: ab of the floor that gives every pixel one color, float32 (2,).
        lookup: ab by lightness of the third floor, float32 (101, 2).
        keep: hand the pictures on with their measurements, for networks that judge them.
    """

    def __init__(self, subjects: tuple[str, ...], mean: Array, lookup: Array, *, keep: bool = False):
        self.subjects, self.mean, self.lookup, self.keep = subjects, mean, lookup, keep

    def floors(self, lightness: Array) -> dict[str, Rgb8]:
        """What needs no network, for a lightness (H, W, 1)."""
        return floor_pictures(lightness, self.mean, self.lookup)

    def compare(self, rgb8: Rgb8, pictures: dict[str, Rgb8]) -> Judged:
        """Measure pictures by subject against a reference, all uint8 (H, W, 3)."""
        reference = View(rgb8)
        measurements = {name: measure(Comparison(reference, View(picture))) for name, picture in pictures.items()}
        kept = {REFERENCE: rgb8, **pictures} if self.keep else {}
        return Judged(measurements, bin_shares(reference.bins), rgb8.shape[1], rgb8.shape[0], kept)

    def judge(self, opened: OpenedItem, predictions: Sequence[Rgb8]) -> Judged:
        """Measure predictions and floors."""
        pictures = dict(zip(self.subjects, predictions, strict=True)) | self.floors(opened.lightness)
        return self.compare(opened.rgb8, pictures)


def thumbnail_lab(rgb8: Rgb8) -> Array:
    """A small copy as CIELAB, float32 (h, w, 3)."""
    height, width = rgb8.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return rgb_to_lab(cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA) / np.float32(255))
