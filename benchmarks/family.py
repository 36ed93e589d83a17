"""All presets side by side: trained alike on the same photographs, judged on the same others.

    python benchmarks/family.py --data 'photos/train-*.tar' --val-data photos/val.tar --judge FOLDER --out FOLDER \
        [--minutes-each 30] [--pictures N] [--width 0.25] [--image-size 128] [--batch-size 16] \
        [--extractor efficientnet-lite2] [--trunk mobilenet_v1_1.0_imagenet.npz] \
        [--presets koala,zhang-2016,...] [--judge-limit 64]

Each preset trains by its own recipe, one after the other, once for --minutes-each and once for equal pictures: as many
as the slowest of the first round has seen, so that no training lasts longer than --minutes-each and all of them
about twice their number times that. Minutes and rates are of processor time, so that whatever else the machine does
favors nobody. Image size, batch size and width are common, the width where the preset takes one; external extractors
are all replaced by --extractor, and koala's trunk begins at --trunk, which was trained to name things, not to color.
Coloring is at the size of the training. Into --out go the runs, family.md with both tables, figures.json, and a sheet
per way: a row per picture, a column per system, gray first and the original last. A training that
fails is told of and left out; what is finished is not repeated, what was interrupted goes on.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

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
SHEET_QUALITY = 55
WAYS = ("time", "pictures")
# `koala train` whose minutes are those that the processor spent on it
BY_PROCESSOR = """
from time import process_time
from types import SimpleNamespace
from koalacli.cli.app import app
from koalacli.pipelines.train import follower, loop
follower.time = loop.time = SimpleNamespace(monotonic=process_time)
app()
"""


def train(given: argparse.Namespace, way: str, preset: str, end: tuple[str, float]) -> RunFolder | None:
    """One training in a process of its own, unless it was finished before; None where it leaves no weights.

    `end` is minutes or steps, and how many.
    """
    run, network = RunFolder(Path(given.out, way, preset)), PRESETS[preset].network
    last, (unit, count) = (run.read_history() or [{}])[-1], end
    if last and (last["seconds"] >= 60 * count if unit == "minutes" else last["step"] >= count):
        return run
    own = ["--extractor-weights", given.trunk] if network.extractor == "trunk" else ["--width", str(given.width)]
    own += [] if network.extractor in ("trunk", "none") else ["--extractor", given.extractor]
    data = ["--data", given.data, "--val-data", given.val_data, "--val-limit", str(given.val_limit)]
    size = ["--image-size", str(given.image_size), "--batch-size", str(given.batch_size)]
    place = ["--runs", str(run.path.parent), "--name", preset, "--quiet"]
    goes_on = run.file("checkpoint.safetensors").is_file()
    how = ["--resume"] if goes_on else ["--preset", preset, *data, *size, *own]
    done = subprocess.run([sys.executable, "-c", BY_PROCESSOR, "train", *how, f"--{unit}", str(count), *place])
    if done.returncode or not run.file("best.safetensors").is_file():
        sys.stderr.write(f"{way}, {preset}: left out, the training failed\n")
        return None
    return run


def train_all(given: argparse.Namespace, way: str, end: tuple[str, float]) -> dict[str, RunFolder]:
    """All presets, one after the other; those that failed are not in it."""
    runs = {preset: train(given, way, preset, end) for preset in given.presets.split(",")}
    return {preset: run for preset, run in runs.items() if run}


def steps_of(run: RunFolder) -> float:
    """How many steps a run has taken."""
    return run.read_history()[-1]["step"]


def coloring_rate(colorizer: Colorizer) -> float:
    """Pictures per second of processor time through the network; the median of a few rounds."""
    side = colorizer.read_out.size
    lightness = np.random.default_rng(0).uniform(0, 100, (SPEED_PICTURES, side, side, 1)).astype(np.float32)
    times = []
    for _ in range(SPEED_ROUNDS + 1):
        start = time.process_time()
        colorizer.predict(lightness)
        times.append(time.process_time() - start)
    return SPEED_PICTURES / float(np.median(times[1:]))


def judge(given: argparse.Namespace, runs: dict[str, RunFolder]) -> dict[str, dict[str, float]]:
    """Figures of each preset's weights and of the floors."""
    weights = {name: str(run.file("best.safetensors")) for name, run in runs.items()}
    config = EvalConfig(
        data=given.judge, weights=tuple(weights.values()), limit=given.judge_limit, size=given.image_size
    )
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
        colorizer = Colorizer(run.file("best.safetensors"), device="cpu", size=given.image_size)
        last = run.read_history()[-1]
        columns.append([colorizer.colorize(gray)[..., ::-1] for gray in grays])
        seen = last["step"] * given.batch_size
        found[name] = {
            "gflops_at_full_width": FACTS[name].gflops,
            "pictures": seen,
            "trained_per_second": round(seen / last["seconds"], 1),
            "colored_per_second": round(coloring_rate(colorizer), 1),
        }
        keras.utils.clear_session(free_memory=True)
    titles = ("gray", *runs, "original")
    cells = [[title_of(title), *column] for title, column in zip(titles, (*columns, squares), strict=True)]
    whole = np.hstack([np.vstack(column) for column in cells])
    cv2.imwrite(str(sheet), whole, (cv2.IMWRITE_JPEG_QUALITY, SHEET_QUALITY))
    return found


def title_of(text: str) -> np.ndarray:
    """A column's name, BGR."""
    title = np.full((24, SHEET_SIDE, 3), 255, np.uint8)
    return cv2.putText(title, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)


def as_table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown; what a row does not have is left open."""
    heads = list(dict.fromkeys(key for row in rows.values() for key in row))
    lines = [["", *heads], ["---", *["---:"] * len(heads)]]
    lines += [[name, *(f"{row[key]:g}" if key in row else "" for key in heads)] for name, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Train, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--val-data", required=True)
    parser.add_argument("--val-limit", type=int, default=200, help="pictures of each check, which counts as training")
    parser.add_argument("--judge", required=True, help="folder of color photographs that no training sees")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes-each", type=float, default=30)
    parser.add_argument(
        "--pictures", type=int, help="of the second round; by default what the slowest saw in the first"
    )
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--extractor", default="efficientnet-lite2")
    parser.add_argument("--trunk", default="imagenet", help="where koala's trunk begins; its own weights saw color")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--judge-limit", type=int, help="judge only the first pictures")
    given = parser.parse_args()
    write_results(given, compare(given))


def compare(given: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Both rounds: the figures of every system and floor, by way."""
    found = {}
    end = ("minutes", given.minutes_each)
    for way in WAYS:
        runs = train_all(given, way, end)
        if not runs:
            raise SystemExit(f"{way}: no training has left weights")
        seen = look(given, runs, Path(given.out, f"{way}.jpg"))
        found[way] = {name: {**seen.get(name, {}), **row} for name, row in judge(given, runs).items()}
        least = given.pictures // given.batch_size if given.pictures else min(map(steps_of, runs.values()))
        end = ("steps", max(1, int(least)))
    return found


def write_results(given: argparse.Namespace, found: dict[str, dict[str, dict[str, float]]]) -> None:
    """family.md and figures.json."""
    environment = {"python": platform.python_version(), "keras": keras.__version__, "processor": platform.processor()}
    told = ", ".join(f"{key} {value}" for key, value in {**vars(given), **environment}.items())
    parts = [f"{told}\n"]
    parts += [f"## Equal {way}\n\n{as_table(rows)}\n![a column per system]({way}.jpg)\n" for way, rows in found.items()]
    Path(given.out, "family.md").write_text("\n".join(parts), "utf-8")
    figures = {"settings": vars(given), "environment": environment, **found}
    Path(given.out, "figures.json").write_text(json.dumps(figures, indent=1), "utf-8")


if __name__ == "__main__":
    main()
