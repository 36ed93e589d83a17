"""Engines: where a work list runs. All of them lead to `worker.Worker`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from koalacli.config import ColorizeConfig
from koalacli.engines.worker import Predictor
from koalacli.io.paths import Job
from koalacli.journal import Journal
from koalacli.records import Notice, Record, Started
from koalacli.tables import ENGINES, load_part


class Engine(Protocol):
    """Runs work lists. Made with (config, folder, colorizer), as a Worker is; loads nothing before it runs.

    Attributes:
        journal: of the output folder; tells what earlier runs did.
    """

    journal: Journal

    def run(self, jobs: Iterable[Job]) -> Iterator[Started | Notice | Record]:
        """Colorize every job; yields Started, whose total only its caller knows, then a Record per job as they finish.

        Raises:
            KoalaError: what is asked for is not there: weights, device.
            StorageFullError: the output device is full; what is written so far is whole.
        """


def start_engine(config: ColorizeConfig, folder: Path | str | None, colorizer: Predictor | None = None) -> Engine:
    """The engine that a config names.

    Raises:
        WeightsError: there are no such weights.
    """
    name = "ray" if config.ray else config.engine
    engine: Engine = load_part(ENGINES[name].kind)(config, folder, colorizer)
    return engine
