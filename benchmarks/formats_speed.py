"""Gray 12-megapixel JPEG to JPEG, against OpenCV decoding and encoding the same files in the same run.

    python benchmarks/formats_speed.py [--pictures 24] [--rounds 3]

Both sides use as many threads as there are cores, and take turns. OpenCV does two things, timed
apart: reading gray and writing gray, and what most programs do, reading to BGR and writing BGR.
koala runs `colorize` from files to files, its network included, loading it not. Prints JSON;
`ratio` is koala's pictures per second over OpenCV's.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 4000, 3000


def make_pictures(folder: Path, count: int) -> list[Path]:
    """Photograph-like gray JPEGs: an enlarged example with film grain, each with its own."""
    examples = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.jpg"))
    paths = []
    for number in range(count):
        picture = cv2.imread(str(examples[number % len(examples)]), cv2.IMREAD_GRAYSCALE)
        picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        picture += np.random.default_rng(number).normal(0, 4, picture.shape).astype(np.float32)
        paths.append(folder / f"{number:03d}.jpg")
        cv2.imwrite(str(paths[-1]), np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


def opencv(paths: list[Path], output: Path, flag: int) -> tuple[float, float]:
    """Seconds to read and write all pictures: on the clock, and of processor time."""

    def one(path: Path) -> None:
        cv2.imwrite(str(output / path.name), cv2.imread(str(path), flag))

    started, busy = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, paths))
    return time.perf_counter() - started, time.process_time() - busy


def koala(source: Path, output: Path) -> tuple[float, float]:
    """The same from the first read to the last write, loading the network left out."""
    from koalacli.config import ColorizeConfig
    from koalacli.pipelines.colorize import colorize

    started = busy = 0.0
    for number, record in enumerate(colorize(str(source), str(output), ColorizeConfig(device="cpu"))):
        if number == 0:
            started, busy = time.perf_counter(), time.process_time()
        elif record.outcome != "done":  # type: ignore[union-attr]
            raise SystemExit(f"not colorized: {record}")
    return time.perf_counter() - started, time.process_time() - busy


def peak_of_child(source: Path, output: Path) -> float:
    """Peak resident memory of `koala colorize`, MiB."""
    command = [sys.executable, "-m", "koalacli", "colorize", str(source), str(output), "--quiet", "--device", "cpu"]
    subprocess.run(command, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rates: dict[str, list[float]] = {"koala": [], "opencv_gray": [], "opencv_color": []}
    processor: dict[str, list[float]] = {name: [] for name in rates}
    with tempfile.TemporaryDirectory() as made:
        source, output = Path(made, "in"), Path(made, "out")
        source.mkdir()
        paths = make_pictures(source, given.pictures)
        warm = Path(made, "warm")
        warm.mkdir()
        shutil.copy(paths[0], warm)
        empty = peak_of_child(warm, Path(made, "warm-out"))
        for _ in range(given.rounds):
            for name, flag in (("opencv_gray", cv2.IMREAD_GRAYSCALE), ("opencv_color", cv2.IMREAD_COLOR), ("koala", 0)):
                shutil.rmtree(output, ignore_errors=True)
                output.mkdir()
                seconds, busy = koala(source, output) if name == "koala" else opencv(paths, output, flag)
                rates[name].append(given.pictures / seconds)
                processor[name].append(busy / given.pictures)
        peak = peak_of_child(source, Path(made, "again"))
    ratios = {
        f"ratio_to_{name}": round(statistics.median(k / o for k, o in zip(rates["koala"], rates[name], strict=True)), 3)
        for name in ("opencv_gray", "opencv_color")
    }
    result = {
        "benchmark": "formats_speed",
        "pictures": given.pictures,
        "megapixels": WIDTH * HEIGHT / 1e6,
        "pictures_per_second": {name: [round(rate, 2) for rate in values] for name, values in rates.items()},
        "processor_seconds_per_picture": {name: round(min(values), 4) for name, values in processor.items()},
        **ratios,
        "peak_mib": round(peak),
        "peak_mib_one_picture": round(empty),
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "opencv": cv2.__version__,
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
