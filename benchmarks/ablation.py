"""What the parts of the network are worth: four trainings of equal time on equal data.

    python benchmarks/ablation.py --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER \
        --trunk mobilenet_v1_1.0_imagenet.npz [--minutes 30] [--runs runs/ablation]

As many trainings at a time as there are cores, each on a core of its own, so that all have the
same; then each one's best weights color gray copies of the photographs in --judge, as
`koala eval` does. Trainings that are finished are not repeated. Prints JSON.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import keras

from koalacli.config import EvalConfig
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate import evaluate

TRUNK = "TRUNK"  # stands for --trunk
VARIANTS: dict[str, tuple[str, ...]] = {
    "koala": ("--preset", "koala", "--extractor-weights", TRUNK),
    "koala, trunk not pretrained": ("--preset", "koala", "--extractor-weights", "random"),
    "koala, regression of ab": ("--preset", "koala", "--extractor-weights", TRUNK, "--head", "ab", "--loss", "mse"),
    "2017 network without extractor": ("--preset", "deep-koalarization", "--extractor", "none"),
}
BATCH = 48
COMMON = (
    "--image-size",
    "128",
    "--batch-size",
    str(BATCH),
    "--val-limit",
    "400",
    "--checkpoint-minutes",
    "10",
    "--seed",
    "1",
)
SHOWN = ("psnr", "delta_e", "auc", "auc_rebalanced", "colorfulness_gap")


def train(given: argparse.Namespace, name: str, cores: "Queue[int]") -> None:
    """One training in a process of its own, on one core, unless it was finished before."""
    folder = Path(given.runs, name)
    if (folder / "history.csv").is_file() and float(history(folder)[-1]["seconds"]) >= 60 * given.minutes:
        return
    options = [given.trunk if option == TRUNK else option for option in VARIANTS[name]]
    data = ["--data", given.data, "--val-data", given.val_data, "--minutes", str(given.minutes)]
    run = ["--runs", given.runs, "--name", name, "--workers", "1", "--quiet"]
    core = cores.get()
    command = [sys.executable, "-m", "koalacli", "train", *data, *run, *COMMON, *options]
    process = subprocess.Popen(["taskset", "-c", str(core), *command])
    if process.wait():
        raise SystemExit(f"{name}: the training ended with exit code {process.returncode}")
    cores.put(core)


def history(folder: Path) -> list[dict[str, str]]:
    """The checks of a run."""
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def judge(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Figures of each training's best weights, beside the floors, and how much each had seen."""
    folders = [Path(given.runs, name) for name in VARIANTS]
    config = EvalConfig(data=given.judge, weights=tuple(str(folder / "best.safetensors") for folder in folders))
    evaluation = next(record for record in evaluate(config) if isinstance(record, Evaluation))
    names = dict(zip(evaluation.predictions, VARIANTS, strict=True))
    figures = {
        names.get(subject, subject): {key: round(row[key].value, 2) for key in SHOWN}
        for subject, row in evaluation.figures.items()
    }
    for name, folder in zip(VARIANTS, folders, strict=True):
        last = history(folder)[-1]
        steps, seconds = float(last["step"]), float(last["seconds"])
        figures[name] |= {"steps": steps, "pictures_per_second": round(BATCH * steps / seconds, 1)}
    return figures


def main() -> None:
    """Train, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--val-data", required=True)
    parser.add_argument("--judge", required=True, help="color photographs that no training sees")
    parser.add_argument("--trunk", required=True, help="MobileNet v1 trained on ImageNet")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--runs", default="runs/ablation")
    given = parser.parse_args()
    free = sorted(os.sched_getaffinity(0))
    cores: Queue[int] = Queue()
    for core in free:
        cores.put(core)
    with ThreadPoolExecutor(len(free)) as pool:
        list(pool.map(lambda name: train(given, name, cores), VARIANTS))
    environment = {"python": platform.python_version(), "keras": keras.__version__, "cores": len(free)}
    json.dump({"minutes": given.minutes, "figures": judge(given), "environment": environment}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
