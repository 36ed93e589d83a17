"""Several machines in one run: the chief gives orders, the others follow.

Only the chief looks at the clock, validates and writes. Before each step it tells the learning
rate, so that all take the same steps and end together.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from koalacli.data.loader import Loader
from koalacli.errors import KoalaError, TrainingError
from koalacli.model.backend.machines import Machines, is_machine_lost
from koalacli.pipelines.train.folder import RunFolder
from koalacli.pipelines.train.session import Session
from koalacli.train_config import TrainConfig

Opened = tuple[RunFolder, TrainConfig, bool]


class Order(IntEnum):
    """What the chief has all machines do."""

    STEP = 1
    CHECK = 2
    END = 3


def give(machines: Machines, order: Order, rate: float = 0.0) -> float:
    """The chief's side; returns the learning rate as all machines have it."""
    return float(machines.share(np.array([order, rate], np.float32))[1])


def follow(machines: Machines, session: Session, loader: Loader, step: int) -> Iterator[int]:
    """The side of all others: yields the number of finished steps."""
    batches = loader.batches(step, machines.rank, machines.count)
    try:
        while True:
            order, rate = machines.share(np.zeros(2, np.float32))
            if order == Order.END:
                return
            if order == Order.CHECK:
                with session.averaged():  # all machines' values change at once
                    continue
            session.step(next(batches), float(rate))
            step += 1
            yield step
    finally:
        batches.close()


def open_together(machines: Machines, config: TrainConfig, open_run: Callable[[TrainConfig], Opened]) -> Opened:
    """Let the chief open the run; the others take its settings.

    Raises:
        KoalaError: the chief could not, on every machine.
    """
    if machines.count == 1:
        return open_run(config)
    if machines.rank:
        return _read_opened(_share_text(machines, ""))
    try:
        folder, config, resumed = open_run(config)
    except KoalaError as error:
        _share_text(machines, json.dumps({"error": str(error)}))
        raise
    told = {"folder": str(folder.path.resolve()), "config": asdict(config), "resumed": resumed}
    _share_text(machines, json.dumps(told))
    return folder, config, resumed


def translated(machines: Machines, error: Exception) -> Exception:
    """An error that means that a machine is gone, in words; any other one as it is."""
    if machines.count == 1 or isinstance(error, KoalaError) or not is_machine_lost(error):
        return error
    return TrainingError(
        "another machine of this run is gone; the last checkpoint is whole: start all of them again with --resume"
    )


def _read_opened(text: str) -> Opened:
    told = json.loads(text)
    if "error" in told:
        raise TrainingError(f"the chief cannot begin: {told['error']}")
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in told["config"].items()
    }
    config = TrainConfig(**settings)
    return RunFolder(Path(told["folder"])), config, told["resumed"]


def _share_text(machines: Machines, text: str) -> str:
    content = text.encode()
    size = int(machines.share(np.array([len(content)], np.float32))[0])
    padded = np.zeros(size, np.float32)
    padded[: len(content)] = np.frombuffer(content, np.uint8)
    return machines.share(padded).astype(np.uint8).tobytes().decode()
