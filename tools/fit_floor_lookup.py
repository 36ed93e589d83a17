"""Fit the L* to ab lookup that `koala eval` shows as a floor, on a training shard.

python tools/fit_floor_lookup.py train-00.tar weights/floor_lookup.json
"""

import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.color.lab import rgb_to_lab
from koalacli.metrics.floors import fit_lookup, save_lookup


def shard_labs(shard: Path) -> Iterator[Array]:
    """Every photograph of a tar shard as CIELAB, float32 (H, W, 3)."""
    with tarfile.open(shard) as tar:
        for member in tar:
            if member.isfile() and (file := tar.extractfile(member)):
                bgr = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                yield rgb_to_lab(bgr[..., ::-1].astype(np.float32) / 255)


if __name__ == "__main__":
    shard, target = map(Path, sys.argv[1:])
    save_lookup(target, fit_lookup(shard_labs(shard)), f"{shard.name} of the training photographs")
