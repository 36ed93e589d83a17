"""What hints are worth: true colors told at random points, beside floors that know lightness and place alone."""

import re
import zlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.join import merge_color
from koalacli.color.lab import rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.config import EvalConfig
from koalacli.control.floors import nearest_point, spread_by_lightness
from koalacli.control.hints import MANY, Hint, Hints
from koalacli.control.solver import Look, apply_hints, look_twice, value_at
from koalacli.errors import DataError, KoalaError, UsageError
from koalacli.io.picture.codecs import to_rgb8
from koalacli.metrics.hints import FIGURES, HintCurve, mean_curve
from koalacli.metrics.pictures import psnr, rmse_ab
from koalacli.pipelines.evaluate.items import Item, OpenedItem
from koalacli.pipelines.evaluate.judge import open_item
from koalacli.pipelines.evaluate.subjects import Subjects, Weights
from koalacli.process import worker_count
from koalacli.stream import Stage, stream

MOST_POINTS = 500
SEED = 20
PATCH = 7  # pixels a side; a point tells the mean color of that square, as one who picks a color by eye would
FLOORS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "floor: nearest point": nearest_point,
    "floor: Levin 2004": spread_by_lightness,
}
Curve = dict[str, dict[str, tuple[float, ...]]]


def parse_counts(text: str) -> tuple[int, ...]:
    """Numbers of points, rising, with 0 before them.

    Raises:
        UsageError: it is no list of numbers.
    """
    if not re.fullmatch(r"\d{1,4}(,\d{1,4})*", text):
        raise UsageError(f"--hints {text}: give numbers of points, such as 1,5,10,20,50")
    counts = sorted({0, *map(int, text.split(","))})
    if counts[-1] > MOST_POINTS:
        raise UsageError(f"--hints {text}: {MOST_POINTS} points at most")
    return tuple(counts)


def check_hints(config: EvalConfig) -> None:
    """Refuse, before any work, what `measure_hints` could not do; errors as `parse_counts`."""
    if config.hints and not config.data:
        raise UsageError("--hints needs --data: true colors are told to the network")
    if config.hints:
        parse_counts(config.hints)


def measure_hints(
    items: Sequence[Item], judged: Sequence[str], subjects: Sequence[Subjects], config: EvalConfig
) -> HintCurve:
    """The curve over pictures.

    Args:
        items: pictures and clips; clips are left out.
        judged: names of those that could be judged.
        subjects: the networks.
        config: hints, protocol, workers.

    Raises:
        UsageError: see `parse_counts`.
        DataError: there is no picture.
    """
    counts = parse_counts(config.hints)
    networks = [kind for kind in subjects if isinstance(kind, Weights)]
    names = [kind.names[0] for kind in networks]
    pictures = [item for item in items if item.name in set(judged) and not item.is_clip]
    closely = counts[-1] > MANY
    stage: Stage[Item, OpenedItem, Curve] = Stage(
        read=lambda item: open_item(item, config.protocol, networks),
        key=lambda opened: "one at a time",
        run=lambda batch: [[looks_of(kind.colorizer, opened, closely) for kind in networks] for opened in batch],
        write=lambda item, opened, looks: curve_of(item.name, opened, dict(zip(names, looks, strict=True)), counts),
    )
    workers = worker_count(config.workers)
    cv2.setNumThreads(1)  # parallelism comes from the workers
    curves = {
        item.name: curve
        for item, curve in stream(pictures, stage, batch_size=1, workers=workers, ahead=2 * workers)
        if not isinstance(curve, KoalaError)  # what cannot be judged was reported when its turn came
    }
    if not curves:
        raise DataError("--hints needs pictures; there are none that can be judged")
    return mean_curve(counts, [curves[name] for name in sorted(curves)], tuple(FLOORS))


def looks_of(colorizer: Colorizer, opened: OpenedItem, closely: bool) -> list[Look]:
    """What a network says of a picture: at its usual size, and if wanted at the closer one."""
    looks = []
    for shrink in (colorizer.shrink, colorizer.closer().shrink)[: 1 + closely]:
        guide = shrink(opened.lightness)
        said = colorizer.predict([guide], features=True)
        assert said.features is not None
        looks.append(Look(said.ab[0], said.features[0], guide))
    return looks


def curve_of(name: str, opened: OpenedItem, looks: dict[str, list[Look]], counts: tuple[int, ...]) -> Curve:
    """Figures of one picture for every number of points, for predictions and floors."""
    lab = _lab(opened.rgb8)
    points, colors = draw_points(name, lab, counts[-1])
    height, width = lab.shape[:2]
    hints = [
        Hint((column + 0.5) / width, (row + 0.5) / height, f"{a:.4f},{b:.4f}", scope="picture")
        for (row, column), (a, b) in zip(points, colors, strict=True)
    ]
    curve: Curve = {}

    def note(subject: str, made: list[tuple[Array, Array] | None]) -> None:
        """Figures of small ab with their guides, by count."""
        figures = [_figures(opened, lab, *one) if one else (np.nan, np.nan) for one in made]
        curve[subject] = {key: tuple(column) for key, column in zip(FIGURES, zip(*figures, strict=True), strict=True)}

    for subject, said in looks.items():
        note(subject, [_hinted(opened, said, Hints(tuple(hints[:count]))) for count in counts])
    usual = next(iter(looks.values()))[0]
    guide, shape = usual.guide, usual.ab.shape[:2]
    lightness = cv2.resize(guide[..., 0], shape[::-1], interpolation=cv2.INTER_AREA)
    cells = points * np.array(shape) // np.array([height, width])
    for subject, floor in FLOORS.items():
        note(
            subject,
            [(guide, floor(lightness, cells[:count], colors[:count])) if count else None for count in counts],
        )
    return curve


def draw_points(name: str, lab: Array, count: int) -> tuple[NDArray[np.int64], Array]:
    """Random pixels (row, column), int (count, 2), and the mean ab around them, float32 (count, 2).

    The same picture gets the same points in any company, and the first ones of many are those of few.
    """
    height, width = lab.shape[:2]
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    shares = rng.random((count, 2))
    points = (shares * (height, width)).astype(np.int64)
    around = cv2.blur(lab[..., 1:], (PATCH, PATCH), borderType=cv2.BORDER_REPLICATE)
    return points, np.asarray(around[points[:, 0], points[:, 1]])


def _hinted(opened: OpenedItem, looks: list[Look], hints: Hints) -> tuple[Array, Array]:
    """Guide and small ab."""

    def lightness_at(x: float, y: float) -> float:
        return value_at(opened.lightness, x, y)

    if hints.many:
        return looks[1].guide, look_twice(looks[0], looks[1], hints, lightness_at)
    first = looks[0]
    return first.guide, apply_hints(first.ab, first.features, first.guide, hints, lightness_at)


def _figures(opened: OpenedItem, lab: Array, guide: Array, ab: Array) -> tuple[float, float]:
    made = to_rgb8(merge_color(opened.lightness, guide, ab))
    return psnr(opened.rgb8, made), rmse_ab(lab[..., 1:], _lab(made)[..., 1:])


def _lab(rgb8: Rgb8) -> Array:
    return rgb_to_lab(rgb8.astype(np.float32) / np.float32(255))
