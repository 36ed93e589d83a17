"""What one small picture costs from command to file, beside what cannot be avoided.

    python benchmarks/start.py PICTURE [--repeat 3]

In turns, each in a process of its own: `koala colorize PICTURE OUTPUT`, and the same network without koala around it:
TensorFlow is imported, the weights are loaded, and the network runs once on a picture of the size that it sees. Wall
time and processor time, in seconds, as JSON on standard output; the ratios are of the medians. On a busy machine
processor time tells more.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import tensorflow as tf
from koalacli.model.weights import load_weights
weights = load_weights("koala", folded=True)
side = weights.read_out.size
network = tf.function(lambda lightness: weights.network.model(lightness, training=False), autograph=False)
network(tf.zeros((1, side, side, 1)))
"""


def cost_of(words: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, os.times()
    own = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, own


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    bare: list[tuple[float, float]] = []
    whole: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / f"out{arguments.picture.suffix}")
        command = ["-m", "koalacli", "colorize", str(arguments.picture), target, "--on-exist", "overwrite", "-q"]
        cost_of(command), cost_of(["-c", BARE])  # files come from the disk only once
        for _ in range(arguments.repeat):
            bare.append(cost_of(["-c", BARE]))
            whole.append(cost_of(command))
    result: dict[str, object] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    for name, place in (("wall", 0), ("processor", 1)):
        sides = [statistics.median(one[place] for one in cost) for cost in (whole, bare)]
        result[f"{name}_seconds"] = {"koala": round(sides[0], 2), "bare": round(sides[1], 2)}
        result[f"{name}_ratio"] = round(sides[0] / sides[1], 3)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
