"""Judge one reference: make its floors, compare everything with it."""

from collections.abc import Sequence

import cv2
import numpy as np

from koalacli.arrays import Array, Rgb8
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.errors import InputError
from koalacli.metrics.comparison import Comparison, View
from koalacli.metrics.floors import floor_pictures
from koalacli.metrics.pictures import SSIM_WINDOW, mean_chroma
from koalacli.metrics.results import Judged, bin_shares, measure
from koalacli.pipelines.evaluate.items import REFERENCE, Item, OpenedItem, read_rgb8
from koalacli.pipelines.evaluate.protocols import prepare
from koalacli.pipelines.evaluate.subjects import Subjects, guides_of

GRAY_CHROMA = 2.0  # CIELAB units; a reference whose mean chroma is less has no color to compare with
THUMBNAIL = 96  # pixels a side; enough for a mean color


def open_item(item: Item, protocol: str, subjects: Sequence[Subjects]) -> OpenedItem:
    """Read and prepare one reference with its finished colorings; see `read_prepared` for what can fail."""
    rgb8, finished = read_prepared(item, protocol)
    lightness = lightness_of(rgb8)
    return OpenedItem(rgb8, lightness, guides_of(subjects, lightness), finished)


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
    return prepare(reference, protocol), tuple(prepare(rgb8, protocol) for rgb8 in finished)


def gray_reference(item: Item) -> InputError:
    """There is nothing to compare color with."""
    return InputError(f"{item.name}: the reference is gray (mean chroma below {GRAY_CHROMA:g})")


class Judge:
    """Compares predictions and floors with a reference.

    Args:
        mean: ab of the floor that gives every pixel one color, float32 (2,).
        lookup: ab by lightness of the third floor, float32 (101, 2).
        keep: hand the pictures on with their measurements, for networks that judge them.
    """

    def __init__(self, mean: Array, lookup: Array, *, keep: bool = False):
        self.mean, self.lookup, self.keep = mean, lookup, keep

    def with_floors(self, opened: OpenedItem, predictions: dict[str, Rgb8]) -> dict[str, Rgb8]:
        """Predictions by subject, and what needs no network."""
        return predictions | floor_pictures(opened.lightness, self.mean, self.lookup)

    def compare(self, rgb8: Rgb8, pictures: dict[str, Rgb8]) -> Judged:
        """Measure pictures by subject against a reference, all uint8 (H, W, 3)."""
        reference = View(rgb8)
        measurements = {name: measure(Comparison(reference, View(picture))) for name, picture in pictures.items()}
        kept = {REFERENCE: rgb8, **pictures} if self.keep else {}
        return Judged(measurements, bin_shares(reference.bins), rgb8.shape[1], rgb8.shape[0], kept)

    def judge(self, opened: OpenedItem, predictions: dict[str, Rgb8]) -> Judged:
        """Measure predictions, by subject, and floors."""
        return self.compare(opened.rgb8, self.with_floors(opened, predictions))


def thumbnail_lab(rgb8: Rgb8) -> Array:
    """A small copy as CIELAB, float32 (h, w, 3)."""
    height, width = rgb8.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return rgb_to_lab(cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA) / np.float32(255))
