"""What `koala eval` judges: a kind of subject makes pictures of an opened reference. A further kind is a class here."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from koalacli.arrays import Array, Rgb8
from koalacli.colorizer import Colorizer
from koalacli.config import EvalConfig
from koalacli.io.picture.codecs import to_rgb8
from koalacli.pipelines.evaluate.items import REFERENCE, OpenedItem
from koalacli.settings import read_out_of

RUN_FILES = ("best", "last")  # what every training run calls its weights
RESERVED = (REFERENCE, "gray")  # what reports call pictures that are no subject's


class Subjects(Protocol):
    """One kind of subject, or several that share the work of a network.

    Attributes:
        names: one per picture that `paint` makes.
        device: where it is made.
        batch_size: references that `predict` takes at a time.
        facts: what has to be known to repeat it.
    """

    names: tuple[str, ...]
    device: str
    batch_size: int
    facts: dict[str, str]

    def guide(self, lightness: Array) -> Array | None:
        """What the network sees of a reference's lightness, float32 (H, W, 1); None where there is no network."""

    def predict(self, guides: Sequence[Any]) -> Sequence[Any]:
        """What the network says of each guide of a batch."""

    def paint(self, opened: OpenedItem, guide: Any, prediction: Any) -> list[Rgb8]:
        """Pictures at the reference's size, uint8 (H, W, 3), one per name."""


class Weights:
    """What one network makes of gray copies."""

    def __init__(self, name: str, colorizer: Colorizer):
        self.names: tuple[str, ...] = (name,)
        self.device, self.batch_size = colorizer.device, colorizer.batch_size
        settings = {key: value for key, value in asdict(colorizer.read_out).items() if value != ""}
        read_out = ", ".join(
            f"{key} {value if isinstance(value, str) else f'{value:g}'}" for key, value in settings.items()
        )
        about = f"sha256 {colorizer.weights.digest[:16]}, {read_out}, on {colorizer.device}"
        self.facts = {f"weights {name}": about}
        self.colorizer = colorizer

    def guide(self, lightness: Array) -> Array | None:
        return self.colorizer.shrink(lightness)

    def predict(self, guides: Sequence[Any]) -> Sequence[Any]:
        return list(self.colorizer.predict(guides).ab)

    def paint(self, opened: OpenedItem, guide: Any, prediction: Any) -> list[Rgb8]:
        return [to_rgb8(self.colorizer.merge(opened.lightness, guide, prediction))]


class Finished:
    """Finished colorings, of any program."""

    device, batch_size = "cpu", 1

    def __init__(self, names: tuple[str, ...]):
        self.names = names
        self.facts: dict[str, str] = {}

    def guide(self, lightness: Array) -> Array | None:
        return None

    def predict(self, guides: Sequence[Any]) -> Sequence[Any]:
        return guides

    def paint(self, opened: OpenedItem, guide: Any, prediction: Any) -> list[Rgb8]:
        return list(opened.finished)


def load_subjects(config: EvalConfig) -> list[Subjects]:
    """One kind for every --weights, or one for all of --pred.

    Raises:
        WeightsError, DeviceError, UsageError: as `Colorizer`.
    """
    if not config.data:
        return [Finished(name_subjects(config.pred))]
    read_out = read_out_of(config)
    return [
        Weights(name, Colorizer(place, config.device, batch_size=config.batch_size, **read_out))
        for name, place in zip(name_subjects(config.weights), dict.fromkeys(config.weights), strict=True)
    ]


def name_subjects(places: Sequence[str]) -> tuple[str, ...]:
    """Short names for tables: the last part of a path, or a training run's own; the whole path where two are alike."""
    places = list(dict.fromkeys(places))
    short = [_short_name(Path(place)) for place in places]
    names = [place if short.count(name) > 1 else name for place, name in zip(places, short, strict=True)]
    return tuple(f"{name} (judged)" if name in RESERVED else name for name in names)


def _short_name(place: Path) -> str:
    if place.suffix != ".safetensors":
        return place.name
    if place.stem not in RUN_FILES or not place.parent.name:
        return place.stem
    return place.parent.name if place.stem == "best" else f"{place.parent.name} ({place.stem})"


def guides_of(subjects: Sequence[Subjects], lightness: Array) -> tuple[Array | None, ...]:
    """What every kind sees of a reference."""
    return tuple(kind.guide(lightness) for kind in subjects)


def predict_all(subjects: Sequence[Subjects], batch: Sequence[OpenedItem]) -> list[tuple[Any, ...]]:
    """Per reference, what every kind's network says; their guides are of equal shapes."""
    columns = [kind.predict([opened.guides[number] for opened in batch]) for number, kind in enumerate(subjects)]
    return [tuple(column[place] for column in columns) for place in range(len(batch))]


def paint_all(subjects: Sequence[Subjects], opened: OpenedItem, predictions: Sequence[Any]) -> dict[str, Rgb8]:
    """The pictures of one reference by subject."""
    pictures: dict[str, Rgb8] = {}
    for kind, guide, prediction in zip(subjects, opened.guides, predictions, strict=True):
        pictures |= dict(zip(kind.names, kind.paint(opened, guide, prediction), strict=True))
    return pictures
