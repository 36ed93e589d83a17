"""What the parts of the network, and of its training, are worth: equal trainings that differ in one thing.

    python benchmarks/ablation.py parts --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER \
        --trunk mobilenet_v1_1.0_imagenet.npz [--minutes 30] [--runs runs/ablation]
    python benchmarks/ablation.py recipe --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER \
        [--start koala] [--steps 320] [--runs runs/ablation]

`parts` trains networks from the beginning for equal time; `recipe` goes on from weights for equal
steps. As many trainings at a time as there are cores, each on a core of its own, so that all have
the same; then each one's weights color gray copies of the photographs in --judge, as `koala eval`
does, once at saturation 1 and once paler, so that they can be compared at equal colorfulness.
Trainings that are finished are not repeated. Prints JSON.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import keras

from koalacli.config import EvalConfig
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.pipeline import evaluate
from koalacli.pipelines.train.folder import RunFolder


@dataclass(frozen=True)
class Table:
    """Trainings to compare.

    Attributes:
        common: what all are given.
        variants: what each is given besides; may change what is common.
        weights: which of a run's weights are judged.
        length: the flag that says how long each trains.
    """

    common: tuple[str, ...]
    variants: dict[str, tuple[str, ...]]
    weights: str
    length: str


TRUNK, START = "TRUNK", "START"  # stand for --trunk and --start
TABLES: dict[str, Table] = {
    "parts": Table(
        common=("--image-size", "128", "--batch-size", "48", "--val-limit", "400", "--checkpoint-minutes", "10"),
        variants={
            "koala": ("--preset", "koala", "--extractor-weights", TRUNK),
            "koala, trunk not pretrained": ("--preset", "koala", "--extractor-weights", "random"),
            "koala, regression of ab": (
                *("--preset", "koala", "--extractor-weights", TRUNK),
                *("--head", "ab", "--loss", "mse"),
            ),
            "2017 network without extractor": ("--preset", "deep-koalarization", "--extractor", "none"),
        },
        weights="best",
        length="minutes",
    ),
    "recipe": Table(
        common=(
            *("--preset", "koala", "--from", START, "--image-size", "128", "--batch-size", "48"),
            *("--lr", "5e-4", "--ema", "0.99", "--trunk-warmup", "50"),
            *("--val-limit", "300", "--checkpoint-minutes", "60"),
        ),
        variants={
            "base": (),
            "base, another order of pictures": ("--seed", "2"),
            "no film": ("--augment", "crop"),
            "rare colors count less": ("--rebalance-strength", "0.3"),
            "rare colors count more": ("--rebalance-strength", "0.9"),
            "more regression": ("--regression-weight", "0.1"),
            "edges": ("--edge-weight", "0.1"),
            "192 px": ("--image-size", "192", "--batch-size", "24"),
        },
        weights="last",
        length="steps",
    ),
}
SHOWN = ("psnr", "delta_e", "auc", "auc_rebalanced", "colorfulness_gap")
PALER = 0.9  # saturation of the second judgment


def train(given: argparse.Namespace, name: str, cores: "Queue[int]") -> None:
    """One training in a process of its own, on one core, unless it was finished before."""
    table = TABLES[given.table]
    if finished(RunFolder(Path(given.runs, name)).read_history(), given):
        return
    named = {TRUNK: given.trunk, START: given.start}
    options = [named.get(option, option) for option in (*table.common, "--seed", "1", *table.variants[name])]
    data = ["--data", given.data, "--val-data", given.val_data, f"--{table.length}", str(length(given))]
    run = ["--runs", given.runs, "--name", name, "--workers", "1", "--quiet"]
    core = cores.get()
    command = [sys.executable, "-m", "koalacli", "train", *data, *run, *options]
    process = subprocess.Popen(["taskset", "-c", str(core), *command])
    if process.wait():
        raise SystemExit(f"{name}: the training ended with exit code {process.returncode}")
    cores.put(core)


def length(given: argparse.Namespace) -> float:
    """How long each trains, in the table's own unit."""
    return float(given.minutes) if TABLES[given.table].length == "minutes" else int(given.steps)


def finished(checks: list[dict[str, float]], given: argparse.Namespace) -> bool:
    """Whether a run's last check is that of its end."""
    if TABLES[given.table].length == "minutes":
        return bool(checks) and checks[-1]["seconds"] >= 60 * given.minutes
    return bool(checks) and checks[-1]["step"] >= given.steps


def judge(given: argparse.Namespace, progress: Callable[[str], object]) -> dict[str, dict[str, float]]:
    """Figures of each training's weights, beside the start and the floors, and how much each had seen."""
    table = TABLES[given.table]
    weights = {name: str(Path(given.runs, name, f"{table.weights}.safetensors")) for name in table.variants}
    if START in table.common:
        weights["before"] = given.start
    figures: dict[str, dict[str, float]] = {}
    for saturation, suffix in ((1.0, ""), (PALER, "_paler")):
        progress(f"judging at saturation {saturation}\n")
        config = EvalConfig(data=given.judge, weights=tuple(weights.values()), saturation=saturation)
        evaluation = next(record for record in evaluate(config) if isinstance(record, Evaluation))
        names = dict(zip(evaluation.predictions, weights, strict=True))
        for subject, row in evaluation.figures.items():
            found = {f"{key}{suffix}": round(row[key].value, 2) for key in SHOWN}
            figures.setdefault(names.get(subject, subject), {}).update(found)
    for name in table.variants:
        run = RunFolder(Path(given.runs, name))
        last = run.read_history()[-1]
        pictures = last["step"] * (run.read_args().batch_size or 0)
        rate = round(pictures / last["seconds"], 1)
        figures[name] |= {"steps": last["step"], "pictures": pictures, "pictures_per_second": rate}
    return figures


def at_equal_colorfulness(row: dict[str, float], gap: float) -> dict[str, float]:
    """Figures at the saturation that gives this colorfulness gap, on the line through both judgments."""
    pale, plain = row["colorfulness_gap_paler"], row["colorfulness_gap"]
    share = (gap - plain) / (pale - plain)
    return {key: round(row[key] + share * (row[f"{key}_paler"] - row[key]), 2) for key in SHOWN}


def main() -> None:
    """Train, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--data", required=True)
    parser.add_argument("--val-data", required=True)
    parser.add_argument("--judge", required=True, help="color photographs that no training sees")
    parser.add_argument("--trunk", default="imagenet", help="MobileNet v1 trained on ImageNet, for parts")
    parser.add_argument("--start", default="koala", help="weights to go on from, for recipe")
    parser.add_argument("--minutes", type=float, default=30, help="of each training of parts")
    parser.add_argument("--steps", type=int, default=320, help="of each training of recipe")
    parser.add_argument("--runs", default="runs/ablation")
    given = parser.parse_args()
    free = sorted(os.sched_getaffinity(0))
    cores: Queue[int] = Queue()
    for core in free:
        cores.put(core)
    with ThreadPoolExecutor(len(free)) as pool:
        list(pool.map(lambda name: train(given, name, cores), TABLES[given.table].variants))
    figures = judge(given, sys.stderr.write)
    equal = {}
    if "before" in figures:  # trainings from the beginning are too far apart in color to be set equal
        gap = figures["before"]["colorfulness_gap"]
        equal = {name: at_equal_colorfulness(row, gap) for name, row in figures.items() if "steps" in row}
    environment = {"python": platform.python_version(), "keras": keras.__version__, "cores": len(free)}
    found = {"figures": figures, "at_equal_colorfulness": equal, "environment": environment}
    json.dump({TABLES[given.table].length: length(given), **found}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
