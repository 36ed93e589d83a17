"""What the parts of the network, and of its training, are worth: equal trainings that differ in one thing.

    python benchmarks/ablation.py parts --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER \
        --trunk mobilenet_v1_1.0_imagenet.npz [--minutes 30] [--runs runs/ablation]
    python benchmarks/ablation.py recipe --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER \
        [--start koala] [--steps 320] [--runs runs/ablation]
    python benchmarks/ablation.py embedding --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER \
        --classifier efficientnet_lite2.npz [--minutes 30] [--runs runs/ablation]

`parts` trains networks from the beginning for equal time; `recipe` goes on from weights for equal
steps; `embedding` asks the 2017 network's own question, what a classifier beside the encoder is
worth, with equal processor time: two minutes of processor for each of --minutes, turned into steps
by what steps cost when they are timed first, so that other work on the machine does not count.
As many trainings at a time as there are cores, each on a core of its own, so that all have
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
import tempfile
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
        length: the flag that says how long each trains, or `processor minutes`: as many steps as these allow.
        alone: whether each has all cores to itself, one training after the other.
    """

    common: tuple[str, ...]
    variants: dict[str, tuple[str, ...]]
    weights: str
    length: str
    alone: bool = False


TRUNK, START, CLASSIFIER = "TRUNK", "START", "CLASSIFIER"  # stand for --trunk, --start and --classifier
TIMED_STEPS = (8, 24)  # of two short trainings, whose difference tells what a step costs
CORES_COUNTED = 2  # processor minutes for each of --minutes
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
    "embedding": Table(
        common=(
            *("--preset", "deep-koalarization", "--image-size", "128", "--batch-size", "16"),
            *("--val-limit", "400", "--checkpoint-minutes", "20"),
        ),
        variants={
            "efficientnet-lite2": ("--extractor", "efficientnet-lite2", "--extractor-weights", CLASSIFIER),
            "efficientnet-lite2, random values": ("--extractor", "efficientnet-lite2", "--extractor-weights", "random"),
            "no extractor": ("--extractor", "none"),
        },
        weights="best",
        length="processor minutes",
        alone=True,
    ),
}
SHOWN = ("psnr", "delta_e", "auc", "auc_rebalanced", "colorfulness_gap")
PALER = 0.9  # saturation of the second judgment


def train(given: argparse.Namespace, name: str, cores: "Queue[str]") -> None:
    """One training in a process of its own, on its share of the cores, unless it was finished before."""
    table, run = TABLES[given.table], RunFolder(Path(given.runs, name))
    core = cores.get()
    end = (f"--{table.length}", str(length(given)))
    if table.length == "processor minutes":
        end = ("--steps", str(affordable_steps(given, name, core)))
    if not finished(run.read_history(), end):
        start = ("--resume",) if run.file("checkpoint.safetensors").is_file() else options(given, name)
        run_training(given, core, given.runs, name, (*start, *end))
    cores.put(core)


def options(given: argparse.Namespace, name: str) -> tuple[str, ...]:
    """What one training of the table is given."""
    table, named = TABLES[given.table], {TRUNK: given.trunk, START: given.start, CLASSIFIER: given.classifier}
    return tuple(named.get(option, option) for option in (*table.common, "--seed", "1", *table.variants[name]))


def run_training(given: argparse.Namespace, core: str, runs: str, name: str, more: tuple[str, ...]) -> float:
    """Train on these cores to the end; processor seconds that it took."""
    data = ["--data", given.data, "--val-data", given.val_data]
    run = ["--runs", runs, "--name", name, "--workers", "1", "--quiet"]
    command = ["taskset", "-c", core, sys.executable, "-m", "koalacli", "train", *data, *run, *more]
    _, status, usage = os.wait4(subprocess.Popen(command).pid, 0)
    if status:
        raise SystemExit(f"{name}: the training ended with exit code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def affordable_steps(given: argparse.Namespace, name: str, core: str) -> int:
    """Steps that the processor minutes buy, by the cost of a step, which is timed once and kept beside the runs."""
    kept = Path(given.runs, "seconds-per-step.json")
    costs: dict[str, float] = json.loads(kept.read_text()) if kept.is_file() else {}
    if name not in costs:
        with tempfile.TemporaryDirectory() as runs:
            few, many = (
                run_training(given, core, runs, str(steps), (*options(given, name), "--steps", str(steps)))
                for steps in TIMED_STEPS
            )
        costs[name] = (many - few) / (TIMED_STEPS[1] - TIMED_STEPS[0])
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(costs))
    return max(1, round(60 * CORES_COUNTED * given.minutes / costs[name]))


def length(given: argparse.Namespace) -> float:
    """How long each trains, in the table's own unit."""
    return int(given.steps) if TABLES[given.table].length == "steps" else float(given.minutes)


def finished(checks: list[dict[str, float]], end: tuple[str, str]) -> bool:
    """Whether a run's last check is that of its end."""
    if not checks:
        return False
    if end[0] == "--minutes":
        return checks[-1]["seconds"] >= 60 * float(end[1])
    return checks[-1]["step"] >= int(end[1])


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
    parser.add_argument("--classifier", default="imagenet", help="EfficientNet-lite2 of ImageNet, for embedding")
    parser.add_argument("--minutes", type=float, default=30, help="of each training of parts and embedding")
    parser.add_argument("--steps", type=int, default=320, help="of each training of recipe")
    parser.add_argument("--runs", default="runs/ablation")
    given = parser.parse_args()
    free = [str(core) for core in sorted(os.sched_getaffinity(0))]
    shares = [",".join(free)] if TABLES[given.table].alone else free
    cores: Queue[str] = Queue()
    for share in shares:
        cores.put(share)
    with ThreadPoolExecutor(len(shares)) as pool:
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
