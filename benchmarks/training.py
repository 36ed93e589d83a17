"""Does the input pipeline keep the training step fed?

    python benchmarks/training.py --data 'photos/train-*.tar' [--batch-size 16] [--image-size 128]

Blocks of steps on real data and blocks of steps on one batch that stays in memory take turns,
after a warm-up; each pair gives a ratio of their rates, and the median of the ratios counts.
Prints JSON with the environment.
"""

import argparse
import json
import os
import platform
import statistics
import time

import keras
import numpy as np

from koalacli.color.bins import gamut_bins
from koalacli.model.backend.devices import place
from koalacli.model.recipes import complete
from koalacli.pipelines.train.pictures import gather
from koalacli.pipelines.train.session import Session
from koalacli.train_config import TrainConfig


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--preset", default="koala")
    parser.add_argument("--extractor")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--block", type=int, default=4, help="steps per block")
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    config = complete(
        TrainConfig(
            data=(given.data,),
            val_limit=8,
            preset=given.preset,
            extractor=given.extractor,
            extractor_weights="random" if given.preset != "koala" else None,
            batch_size=given.batch_size,
            image_size=given.image_size,
            precision=given.precision,
            device=given.device,
            steps=1_000_000,
        )
    )
    pictures = gather(config, gamut_bins())
    placement = place(config.device, 1)
    session = Session(config, pictures.tables, None, placement)
    batches = pictures.loader.batches()
    kept = next(batches)
    for _ in range(2):
        session.step(kept, 1e-6)
    fed, cached = [], []
    for _ in range(given.pairs):
        begin = time.perf_counter()
        for _ in range(given.block):
            session.step(next(batches), 1e-6)
        middle = time.perf_counter()
        for _ in range(given.block):
            session.step(kept, 1e-6)
        fed.append(given.block / (middle - begin))
        cached.append(given.block / (time.perf_counter() - middle))
    batches.close()
    ratios = [one / other for one, other in zip(fed, cached, strict=True)]
    report = {
        "preset": given.preset,
        "image_size": given.image_size,
        "batch_size": given.batch_size,
        "precision": given.precision,
        "pictures_per_second": round(statistics.median(fed) * given.batch_size, 2),
        "pictures_per_second_cached": round(statistics.median(cached) * given.batch_size, 2),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "environment": {
            "backend": keras.backend.backend(),
            "device": placement.name,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 2),
        },
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
