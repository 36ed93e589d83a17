"""All presets side by side: trained alike on the same photographs, judged on the same others.

    python benchmarks/family.py --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER --out FOLDER \
        [--minutes 30] [--pictures 20000] [--width 0.25] [--image-size 128] [--batch-size 16] \
        [--extractor efficientnet-lite2] [--presets koala,zhang-2016,...] [--judge-limit 64]

Each preset trains by its own recipe, once for equal time and once for equal pictures, one after the
other. Image size, batch size and width are common, the width where the preset takes one; external
extractors are all replaced by --extractor. Into --out go the runs, a table and a sheet per way (a
row per picture, a column per system, gray first and the original last). Trainings that are finished
are not repeated. Prints JSON.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from koalacli import Colorizer
from koalacli.config import EvalConfig
from koalacli.family import FACTS
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.pipeline import evaluate
from koalacli.pipelines.train.folder import RunFolder
from koalacli.presets import PRESETS

SHOWN = ("psnr", "delta_e", "auc", "auc_rebalanced", "colorfulness_gap")
SHEET_PICTURES, SHEET_SIDE = 6, 160
SPEED_PICTURES, SPEED_ROUNDS = 8, 3
WAYS = ("time", "pictures")


def train(given: argparse.Namespace, way: str, preset: str) -> RunFolder:
    """One training in a process of its own, unless it was finished before."""
    run, network = RunFolder(Path(given.out, way, preset)), PRESETS[preset].network
    last = (run.read_history() or [{}])[-1]
    steps = max(1, given.pictures // given.batch_size)
    if last and (last["seconds"] >= 60 * given.minutes if way == "time" else last["step"] >= steps):
        return run
    end = ["--minutes", str(given.minutes)] if way == "time" else ["--steps", str(steps)]
    own = [] if network.extractor == "trunk" else ["--width", str(given.width)]
    own += [] if network.extractor in ("trunk", "none") else ["--extractor", given.extractor]
    data = ["--data", given.data, "--val-data", given.val_data, "--val-limit", "200"]
    size = ["--image-size", str(given.image_size), "--batch-size", str(given.batch_size)]
    place = ["--runs", str(run.path.parent), "--name", preset, "--quiet"]
    subprocess.run([sys.executable, "-m", "koalacli", "train", "--preset", preset, *data, *size, *end, *own, *place])
    if not run.file("best.safetensors").is_file():
        raise SystemExit(f"{way}, {preset}: the training left no weights")
    return run


def coloring_rate(colorizer: Colorizer) -> float:
    """Pictures per second through the network, at the size that the weights ask for; the median of a few rounds."""
    side = colorizer.read_out.size
    lightness = np.random.default_rng(0).uniform(0, 100, (SPEED_PICTURES, side, side, 1)).astype(np.float32)
    times = []
    for _ in range(SPEED_ROUNDS + 1):
        start = time.perf_counter()
        colorizer.predict(lightness)
        times.append(time.perf_counter() - start)
    return SPEED_PICTURES / float(np.median(times[1:]))


def judge(given: argparse.Namespace, runs: dict[str, RunFolder]) -> dict[str, dict[str, float]]:
    """Figures of each preset's weights and of the floors."""
    weights = {name: str(run.file("best.safetensors")) for name, run in runs.items()}
    config = EvalConfig(data=given.judge, weights=tuple(weights.values()), limit=given.judge_limit)
    evaluation = next(record for record in evaluate(config) if isinstance(record, Evaluation))
    names = dict(zip(evaluation.predictions, weights, strict=True))
    return {
        names.get(subject, subject): {key: round(row[key].value, 2) for key in SHOWN}
        for subject, row in evaluation.figures.items()
    }


def look(given: argparse.Namespace, runs: dict[str, RunFolder], sheet: Path) -> dict[str, dict[str, float]]:
    """Write the sheet; how much each had seen, and how fast each is."""
    files = sorted(path for path in Path(given.judge).rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    pictures = [cv2.imread(str(path)) for path in files[:SHEET_PICTURES]]
    squares = [cv2.resize(picture, (SHEET_SIDE, SHEET_SIDE), interpolation=cv2.INTER_AREA) for picture in pictures]
    grays = [cv2.cvtColor(square, cv2.COLOR_BGR2GRAY) for square in squares]
    columns = [[cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR) for gray in grays]]
    found: dict[str, dict[str, float]] = {}
    for name, run in runs.items():
        colorizer, last = Colorizer(run.file("best.safetensors"), device="cpu"), run.read_history()[-1]
        columns.append([colorizer.colorize(gray)[..., ::-1] for gray in grays])
        seen = last["step"] * given.batch_size
        found[name] = {
            "gflops_at_full_width": FACTS[name].gflops,
            "pictures": seen,
            "trained_per_second": round(seen / last["seconds"], 1),
            "colored_per_second": round(coloring_rate(colorizer), 1),
        }
        keras.utils.clear_session(free_memory=True)
    cv2.imwrite(str(sheet), np.hstack([np.vstack(column) for column in (*columns, squares)]))
    return found


def as_table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown; what a row does not have is left open."""
    heads = list(dict.fromkeys(key for row in rows.values() for key in row))
    lines = [["", *heads], ["---", *["---:"] * len(heads)]]
    lines += [[name, *(f"{row[key]:g}" if key in row else "" for key in heads)] for name, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Train, judge, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--val-data", required=True)
    parser.add_argument("--judge", required=True, help="folder of color photographs that no training sees")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--extractor", default="efficientnet-lite2")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--judge-limit", type=int, help="judge only the first pictures")
    given = parser.parse_args()
    found: dict[str, Any] = {"settings": vars(given)}
    for way in WAYS:
        runs = {preset: train(given, way, preset) for preset in given.presets.split(",")}
        seen = look(given, runs, Path(given.out, f"{way}.jpg"))
        found[way] = {name: {**seen.get(name, {}), **row} for name, row in judge(given, runs).items()}
        Path(given.out, f"{way}.md").write_text(as_table(found[way]), "utf-8")
    found["environment"] = {"python": platform.python_version(), "keras": keras.__version__}
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
