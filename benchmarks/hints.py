"""What hints cost, and how far one for a thing reaches.

    python benchmarks/hints.py FOLDER [--pictures 8] [--repeat 5]

Two figures, as JSON on standard output:

- seconds: `koala colorize` from files to files on gray JPEGs of 2 megapixels, without hints, with a hints file that
  knows none of them, and with 20 points for each; alternating in one process, without start-up, medians, by the
  clock and in processor time of all threads, which what else runs disturbs less.
- thing: one hint of scope `thing` with the mean color of the largest object, at its innermost pixel. Objects are
  connected parts of five clusters of the true color. How much color changes within it and in the rest of the
  picture (mean ΔE2000), and the error of ab within it, before and after.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.lab import rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig
from koalacli.control.hints import Hint
from koalacli.io.picture.read import read_picture
from koalacli.metrics.pictures import delta_e_2000
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record

WIDTH, HEIGHT = 1732, 1155  # 2 megapixels
CLUSTERS = 5


def measure_seconds(photographs: list[Rgb8], colorizer: Colorizer, repeat: int) -> dict[str, object]:
    """Medians of whole runs over the same pictures."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        points = {}
        for number, rgb8 in enumerate(photographs):
            gray = cv2.resize(cv2.cvtColor(rgb8, cv2.COLOR_RGB2GRAY), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / "in" / f"{number}.jpg"), gray)
            drawn = [{"x": x, "y": y, "color": f"{a:.1f},{b:.1f}"} for x, y, a, b in rng.random((20, 4)).tolist()]
            points[f"{number}.jpg"] = {"points": drawn}
        (folder / "in" / "other.txt").write_text("")
        books = {"nobody": {"other.txt": {"points": []}}, "20 points": points}
        kinds = {"without": ""}
        for kind, pictures in books.items():
            kinds[kind] = str(folder / f"{kind}.json")
            Path(kinds[kind]).write_text(json.dumps({"koala-hints": 1, "pictures": pictures}))
        taken: dict[str, list[float]] = {kind: [] for kind in kinds}
        used: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(repeat + 1):
            for kind, hints in kinds.items():
                config = ColorizeConfig(hints=hints, on_exist="overwrite")
                started, spent = time.perf_counter(), time.process_time()
                records = list(colorize(str(folder / "in"), str(folder / "out"), config, colorizer))
                taken[kind].append((time.perf_counter() - started) / len(photographs))
                used[kind].append((time.process_time() - spent) / len(photographs))
                done = sum(isinstance(record, Record) and record.outcome == Outcome.DONE for record in records)
                assert done == len(photographs), records
    return {"clock": _compared(taken), "processor": _compared(used)}


def _compared(rounds: dict[str, list[float]]) -> dict[str, object]:
    """Medians per picture, their ratios to the first kind, and the range; the first round warms up."""
    medians = {kind: statistics.median(seconds[1:]) for kind, seconds in rounds.items()}
    ratios = {kind: round(seconds / medians["without"], 3) for kind, seconds in medians.items()}
    spread = {kind: [round(min(seconds[1:]), 4), round(max(seconds[1:]), 4)] for kind, seconds in rounds.items()}
    return {"per picture": {kind: round(value, 4) for kind, value in medians.items()}, "ratio": ratios, "range": spread}


def largest_object(lab: Array) -> NDArray[np.bool_]:
    """The largest connected part of one cluster of color, (H, W)."""
    cv2.setRNGSeed(0)
    seen = cv2.GaussianBlur(lab, (0, 0), 5) * np.array([0.5, 1, 1], np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    clusters = cv2.kmeans(seen.reshape(-1, 3), CLUSTERS, None, stop, 1, cv2.KMEANS_PP_CENTERS)[1]
    found = []
    for cluster in range(CLUSTERS):
        mask = (clusters.reshape(lab.shape[:2]) == cluster).astype(np.uint8)
        _, labels, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        part = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax()) if len(facts) > 1 else 0
        found.append(labels == part)
    return max(found, key=np.count_nonzero)


def measure_thing(photographs: list[Rgb8], colorizer: Colorizer) -> dict[str, float]:
    """Means over the photographs."""
    rows = []
    for rgb8 in photographs:
        lab = _lab(rgb8)
        mask = largest_object(lab)
        inner = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        row, column = np.unravel_index(inner.argmax(), inner.shape)
        a, b = lab[mask][:, 1:].mean(0)
        hint = Hint((column + 0.5) / mask.shape[1], (row + 0.5) / mask.shape[0], f"{a:.3f},{b:.3f}")
        before, after = _lab(colorizer.colorize(rgb8)), _lab(colorizer.colorize(rgb8, hints=[hint]))
        change = delta_e_2000(before, after)
        errors = [np.hypot(*(made - lab)[mask][:, 1:].T).mean() for made in (before, after)]
        rows.append((mask.mean(), change[mask].mean(), change[~mask].mean(), *errors))
    names = ("share of the picture", "change within", "change of the rest", "ab error before", "ab error after")
    means = dict(zip(names, np.round(np.mean(rows, axis=0), 3).tolist(), strict=True))
    return means | {"pictures whose rest changes by more than 1": float(np.mean([row[2] > 1 for row in rows]).round(3))}


def _lab(rgb8: Rgb8) -> Array:
    return rgb_to_lab(rgb8.astype(np.float32) / np.float32(255))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=8, help="for the seconds")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    loaded = [read_picture(path).pixels for path in sorted(given.folder.iterdir())]
    photographs = [pixels for pixels in loaded if pixels.ndim == 3 and pixels.dtype == np.uint8]
    network = Colorizer()
    print(
        json.dumps(
            {
                "seconds": measure_seconds(photographs[: given.pictures], network, given.repeat),
                "thing": measure_thing(photographs, network),
            },
            indent=1,
        )
    )
