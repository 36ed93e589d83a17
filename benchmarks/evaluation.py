"""Where the time of `koala eval` goes, and whether its memory stays flat.

    python benchmarks/evaluation.py FOLDER [--count 500]

Cuts 256x256 pictures out of the photographs in FOLDER, judges them with the shipped weights, and
prints JSON. "outside" is processor time spent neither in the network nor in metrics: reading,
both passes, lightness, joining color, floors, pooling.
"""

import argparse
import json
import platform
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from koalacli.colorizer import Colorizer
from koalacli.config import EvalConfig
from koalacli.pipelines.evaluate import pipeline
from koalacli.pipelines.evaluate.judge import Judge
from koalacli.records import Started

SIDE = 256
seconds: Counter[str] = Counter()
lock = threading.Lock()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    given = parser.parse_args()
    watch(pipeline, "open_item", "reading")
    watch(pipeline, "read_prepared", "first pass")
    watch(pipeline, "paint_all", "joining color")
    watch(Judge, "with_floors", "floors")
    watch(Judge, "compare", "metrics")
    watch(Colorizer, "predict", "network, calling thread")
    with tempfile.TemporaryDirectory() as data:
        cut_pictures(given.folder, Path(data), given.count)
        json.dump(measure(data), sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(data: str) -> dict[str, Any]:
    """Judge everything once, the clocks starting when the network is loaded."""
    peaks: list[float] = []
    wall = process = calling = 0.0
    for number, record in enumerate(pipeline.evaluate(EvalConfig(data=data))):
        if isinstance(record, Started):
            seconds.clear()
            wall, process, calling = time.perf_counter(), time.process_time(), time.thread_time()
        if number % 100 == 0:
            peaks.append(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1))
    wall, process = time.perf_counter() - wall, time.process_time() - process
    main_thread = time.thread_time() - calling - seconds["network, calling thread"]
    workers = sum(seconds[name] for name in ("reading", "first pass", "joining color", "floors"))
    return {
        "pictures_per_second": round(number / wall, 2),
        "wall_seconds": round(wall, 2),
        "processor_seconds": round(process, 2),
        "outside_share": round((workers + main_thread) / process, 4),
        "metrics_share": round(seconds["metrics"] / process, 4),
        "shares": {name: round(spent / process, 4) for name, spent in seconds.items()}
        | {"calling thread, rest": round(main_thread / process, 4)},
        "peak_memory_mib_every_100_pictures": peaks,
        "environment": {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__},
    }


def watch(owner: Any, name: str, label: str) -> None:
    """Sum the processor time that threads spend inside a function."""
    function: Callable[..., Any] = getattr(owner, name)

    def watched(*arguments: Any, **named: Any) -> Any:
        start = time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            with lock:
                seconds[label] += time.thread_time() - start

    setattr(owner, name, watched)


def cut_pictures(source: Path, target: Path, count: int) -> None:
    """Random squares of the photographs in a folder as JPEG files, always the same ones."""
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    rng = np.random.default_rng(0)
    for number in range(count):
        picture = cv2.imread(str(paths[number % len(paths)]), cv2.IMREAD_COLOR)
        scale = max(1.0, SIDE / min(picture.shape[:2]))
        picture = cv2.resize(picture, None, fx=scale, fy=scale) if scale > 1 else picture
        top, left = (rng.integers(0, size - SIDE + 1) for size in picture.shape[:2])
        square = picture[top : top + SIDE, left : left + SIDE]
        cv2.imwrite(str(target / f"{number:05d}.jpg"), square, [cv2.IMWRITE_JPEG_QUALITY, 95])


if __name__ == "__main__":
    main()
