"""What `koala eval` judges: references, with finished colorings paired to them by name."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Rgb8
from koalacli.config import EvalConfig
from koalacli.data.sources import Sample, find_samples, read_sample
from koalacli.errors import DataError, InputError, NothingMatchedError, UsageError
from koalacli.io.picture.read import read_picture
from koalacli.io.suffixes import FILM_SUFFIXES, PICTURE_SUFFIXES

SIDE = 256  # pixels; what the published protocols use


@dataclass(frozen=True)
class Item:
    """One reference and, with --pred, one finished coloring per folder."""

    name: str
    reference: Sample
    predictions: tuple[Sample, ...] = ()

    @property
    def is_clip(self) -> bool:
        return self.reference.name.lower().endswith(FILM_SUFFIXES)


def find_items(config: EvalConfig) -> tuple[list[Item], dict[str, str]]:
    """Everything to judge, sorted by name, and what cannot be paired, with the reason.

    Raises:
        UsageError: neither --data nor --pred with --ref, or both.
        NothingMatchedError: nothing is there.
    """
    if bool(config.data) == bool(config.pred) or bool(config.pred) != bool(config.ref):
        raise UsageError("give --data DIR, or --pred DIR together with --ref DIR")
    excluded: dict[str, str] = {}
    if config.data:
        items = [Item(sample.name, sample) for sample in find(config.data)]
    else:
        items, excluded = _pair(find(config.ref), [find(folder) for folder in config.pred], config)
    return sorted(items, key=lambda item: item.name)[: config.limit], excluded


def find(place: str) -> list[Sample]:
    """Pictures and clips in a place."""
    try:
        return find_samples([place], (*PICTURE_SUFFIXES, *FILM_SUFFIXES))
    except DataError as error:
        raise NothingMatchedError(str(error)) from error


def _pair(
    references: Sequence[Sample], folders: Sequence[Sequence[Sample]], config: EvalConfig
) -> tuple[list[Item], dict[str, str]]:
    """Pair by path below the folder, without extension."""
    tables = [_by_stem(folder) for folder in folders]
    excluded: dict[str, str] = {}
    items = []
    by_stem = _by_stem(references)
    for stem, samples in by_stem.items():
        found = [table.get(stem, []) for table in tables]
        name = samples[0].name
        if len(samples) > 1 or any(len(matches) > 1 for matches in found):
            excluded[name] = f"{name}: several pictures share this name, and only extensions tell them apart"
        elif missing := [place for place, matches in zip(config.pred, found, strict=True) if not matches]:
            excluded[name] = f"{name}: no prediction of that name in {', '.join(missing)}"
        else:
            items.append(Item(name, samples[0], tuple(matches[0] for matches in found)))
    for place, table in zip(config.pred, tables, strict=True):
        for stem in table.keys() - by_stem.keys():
            lonely = f"{place}/{table[stem][0].name}"
            excluded[lonely] = f"{lonely}: no reference of that name in {config.ref}"
    return items, excluded


def _by_stem(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    table: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        table[str(PurePosixPath(sample.name).with_suffix(""))].append(sample)
    return table


def read_rgb8(sample: Sample) -> Rgb8:
    """A picture as metrics want it: uint8 (H, W, 3), upright, sRGB; 16 bits rounded to 8, alpha ignored.

    Raises:
        InputError: it cannot be read.
    """
    try:
        content = read_sample(sample)
    except DataError as error:
        raise InputError(f"{sample.name}: cannot be read ({error})") from error
    return to_rgb8(read_picture(content, sample.name).pixels)


def to_rgb8(pixels: NDArray[Any]) -> Rgb8:
    """Gray or rgb of 8 or 16 bits as uint8 (H, W, 3)."""
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / np.float32(257)).astype(np.uint8)
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def stretch256(rgb8: Rgb8) -> Rgb8:
    """The whole picture at 256x256, bilinear without smoothing: the protocol of DDColor and MultiColor."""
    return np.asarray(cv2.resize(rgb8, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)


def center256(rgb8: Rgb8) -> Rgb8:
    """The largest center square at 256x256, area-averaged: the protocol of ColTran and L-CAD."""
    height, width = rgb8.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(rgb8[top : top + side, left : left + side])
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=method), np.uint8)


PROTOCOLS: dict[str, Callable[[Rgb8], Rgb8]] = {
    "original": lambda rgb8: rgb8,
    "stretch256": stretch256,
    "center256": center256,
}
