"""A network for workers in other processes: color is a plain function of lightness, and some pictures are its end."""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from koalacli.errors import StorageFullError
from koalacli.prediction import Prediction

ROOM_FOR_OBJECTS = 80 << 20  # bytes for each Ray node, about the least that it takes


class StandIn:
    """Travels to the workers of a cluster.

    Args:
        folder: where workers leave a file each, named by their process.
        pause: seconds that it takes for a batch.
        deadly: lightness, rounded, of the one picture that kills whoever looks at it.
        full_on: process id file: the worker that makes it first finds its disk full from then on.
    """

    def __init__(self, folder: Path, pause: float = 0.0, deadly: int = -1, full_on: str = ""):
        self.device, self.batch_size = "cpu", 4
        self.weights = SimpleNamespace(name="standin", digest="0" * 64)
        self.folder, self.pause, self.deadly, self.full_on = folder, pause, deadly, full_on

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        return 64, 64

    def shrink(self, lightness: Any) -> Any:
        return cv2.resize(lightness, (64, 64), interpolation=cv2.INTER_AREA)[..., None]

    def predict(self, guides: list[Any], **_extras: bool) -> Prediction:
        (self.folder / f"worker-{os.getpid()}").touch()
        time.sleep(self.pause)
        if any(round(float(guide.mean())) == self.deadly for guide in guides):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.full_on and self._is_full():
            raise StorageFullError("out: no space left on the device; free some and run again to go on")
        small = np.stack([cv2.resize(guide, (16, 16), interpolation=cv2.INTER_AREA) for guide in guides])
        return Prediction(np.stack([small / 4, small / -5 + 10], -1).astype(np.float32))

    def _is_full(self) -> bool:
        mark = self.folder / self.full_on
        try:
            mark.touch(exist_ok=False)
            mark.write_text(str(os.getpid()))
        except FileExistsError:
            return mark.read_text() == str(os.getpid())
        return True
