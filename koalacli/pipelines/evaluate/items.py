"""What `koala eval` judges: references, with finished colorings paired to them by name."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from koalacli.arrays import Array, Rgb8
from koalacli.config import EvalConfig
from koalacli.data.sources import Sample, find_samples, read_sample
from koalacli.errors import DataError, InputError, NothingMatchedError, UsageError
from koalacli.io.picture.codecs import to_rgb8
from koalacli.io.picture.read import read_picture
from koalacli.io.suffixes import FILM_SUFFIXES, PICTURE_SUFFIXES

REFERENCE = "reference"  # what the reference is called beside the subjects


@dataclass(frozen=True)
class Item:
    """One reference and, with --pred, one finished coloring per folder."""

    name: str
    reference: Sample
    predictions: tuple[Sample, ...] = ()

    @property
    def is_clip(self) -> bool:
        return self.reference.name.lower().endswith(FILM_SUFFIXES)


@dataclass(frozen=True)
class OpenedItem:
    """A reference, prepared, with what colors it.

    Attributes:
        rgb8: the reference, uint8 (H, W, 3).
        lightness: its L*, float32 (H, W, 1).
        guides: lightness as each kind of subject sees it, None where it does not look.
        finished: colorings from --pred.
    """

    rgb8: Rgb8
    lightness: Array
    guides: tuple[Array | None, ...]
    finished: tuple[Rgb8, ...]


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
        items = _name_apart(find(config.data))
    else:
        items, excluded = _pair(find(config.ref), {folder: find(folder) for folder in config.pred}, config.ref)
    return sorted(items, key=lambda item: item.name)[: config.limit], excluded


def find(place: str) -> list[Sample]:
    """Pictures and clips in a place."""
    try:
        return find_samples([place], (*PICTURE_SUFFIXES, *FILM_SUFFIXES))
    except DataError as error:
        raise NothingMatchedError(str(error)) from error


def _name_apart(samples: Sequence[Sample]) -> list[Item]:
    """References by the names below their sources; with the source where several have one name."""
    count = Counter(sample.name for sample in samples)
    whole = {sample: sample.place if sample.size < 0 else f"{sample.place}: {sample.name}" for sample in samples}
    return [Item(sample.name if count[sample.name] == 1 else whole[sample], sample) for sample in samples]


def _pair(
    references: Sequence[Sample], folders: dict[str, list[Sample]], ref: str
) -> tuple[list[Item], dict[str, str]]:
    """Pair by path below the folder, without extension."""
    tables = {place: _by_stem(samples) for place, samples in folders.items()}
    excluded: dict[str, str] = {}
    items = []
    by_stem = _by_stem(references)
    for stem, samples in by_stem.items():
        found = {place: table.get(stem, []) for place, table in tables.items()}
        name = samples[0].name
        if len(samples) > 1 or any(len(matches) > 1 for matches in found.values()):
            excluded[name] = f"{name}: several pictures share this name, and only extensions tell them apart"
        elif missing := [place for place, matches in found.items() if not matches]:
            excluded[name] = f"{name}: no prediction of that name in {', '.join(missing)}"
        else:
            items.append(Item(name, samples[0], tuple(matches[0] for matches in found.values())))
    for place, table in tables.items():
        for stem in table.keys() - by_stem.keys():
            lonely = f"{place}/{table[stem][0].name}"
            excluded[lonely] = f"{lonely}: no reference of that name in {ref}"
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
