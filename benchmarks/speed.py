"""How much of the network's own speed is left end to end, and whether memory is flat.

    python benchmarks/speed.py --data PHOTOS [--count 200 1000] [--repeat 3]

Two figures, as JSON on standard output:

- images: `koala colorize` from files to files (reading, network, joining, encoding, syncing)
  against the bare compiled network on the very same shapes and batches, alternating in one
  process, without start-up. The ratio is what counts; machines are noisy.
- memory: peak resident memory of a fresh process for each count of photographs, which are
  the given ones repeated under other names.
"""

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np


def environment() -> dict[str, object]:
    """What a figure depends on besides the code."""
    import cv2
    import keras
    import tensorflow as tf

    import koalacli

    return {
        "koala": koalacli.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "opencv": cv2.__version__,
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
    }


def measure_speed(folder: Path, repeat: int) -> dict[str, object]:
    """Alternate the whole command and the bare network over the same pictures."""
    from koalacli.color.lab import lightness_of
    from koalacli.colorizer import Colorizer
    from koalacli.config import ColorizeConfig
    from koalacli.io.picture.read import read_picture
    from koalacli.pipelines.colorize import colorize
    from koalacli.records import Started

    colorizer = Colorizer()
    guides: dict[tuple[int, ...], list[np.ndarray]] = {}
    for path in sorted(folder.iterdir()):
        guide = colorizer.shrink(lightness_of(read_picture(path).pixels))
        guides.setdefault(guide.shape, []).append(guide)
    batches = [np.stack(group) for group in guides.values()]
    count = sum(map(len, batches))

    def bare() -> float:
        started = time.perf_counter()
        for batch in batches:
            colorizer.predict(batch)
        return count / (time.perf_counter() - started)

    def whole() -> float:
        with tempfile.TemporaryDirectory() as output:
            started = 0.0
            for record in colorize(str(folder), output, ColorizeConfig()):
                if isinstance(record, Started):
                    started = time.perf_counter()
            return count / (time.perf_counter() - started)

    bare(), whole()
    pairs = [(bare(), whole()) for _ in range(repeat)]
    return {
        "pictures": count,
        "shapes": [list(batch.shape) for batch in batches],
        "bare_images_per_second": [round(pair[0], 2) for pair in pairs],
        "whole_images_per_second": [round(pair[1], 2) for pair in pairs],
        "ratio_median": round(statistics.median(whole / bare for bare, whole in pairs), 3),
    }


def colorize_copies(folder: Path, count: int, queue: "multiprocessing.Queue[float]") -> None:
    """Colorize `count` links to the photographs in a fresh process; report peak memory in MiB."""
    from koalacli.config import ColorizeConfig
    from koalacli.pipelines.colorize import colorize

    sources = sorted(folder.iterdir())
    with tempfile.TemporaryDirectory() as name:
        inputs = Path(name) / "in"
        inputs.mkdir()
        for number in range(count):
            source = sources[number % len(sources)].resolve()
            shutil.copyfile(source, inputs / f"{number:05d}{source.suffix}")
        for _ in colorize(str(inputs), str(Path(name) / "out"), ColorizeConfig()):
            pass
    # Not ru_maxrss: a child inherits its parent's there.
    status = Path("/proc/self/status").read_text("utf-8")
    queue.put(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def measure_memory(folder: Path, counts: list[int]) -> dict[str, object]:
    """Peak memory for each count, in processes of their own."""
    context = multiprocessing.get_context("spawn")
    peaks = {}
    for count in counts:
        queue = context.Queue()
        process = context.Process(target=colorize_copies, args=(folder, count, queue))
        process.start()
        peaks[str(count)] = round(queue.get(), 1)
        process.join()
    return {"peak_mib": peaks, "last_to_first": round(peaks[str(counts[-1])] / peaks[str(counts[0])], 3)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--count", type=int, nargs="*", default=[200, 1000], help="none: skip the memory figure")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    result: dict[str, object] = {"speed": measure_speed(arguments.data, arguments.repeat)}
    if arguments.count:
        result["memory"] = measure_memory(arguments.data, arguments.count)
    print(json.dumps({"environment": environment(), **result}, indent=1))


if __name__ == "__main__":
    main()
