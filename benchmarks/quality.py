"""Quality of weights on color photographs: gray copies with the same L*, colored, compared.

    python benchmarks/quality.py FOLDER [--weights koala] [--size 192] [--vividness 0.5] [--saturation 1]

Prints JSON: every figure with its 95% interval, the floors beside it, and what it was measured with.
"""

import argparse
import json
import platform
import sys

import cv2
import numpy as np

from koalacli.config import EvalConfig
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.pipeline import evaluate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder, file, glob or tar shard of color photographs")
    parser.add_argument("--weights", default="koala")
    parser.add_argument("--protocol", default="original")
    parser.add_argument("--size", type=int)
    parser.add_argument("--vividness", type=float)
    parser.add_argument("--saturation", type=float)
    given = vars(parser.parse_args())
    config = EvalConfig(weights=(given.pop("weights"),), **given)
    evaluation = next(record for record in evaluate(config) if isinstance(record, Evaluation))
    environment = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "machine": platform.machine(),
    }
    json.dump({**evaluation.as_event(), "environment": environment}, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
