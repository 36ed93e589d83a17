"""The engine of this machine: one Worker in this process."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.engines.announced import announced
from koalacli.engines.worker import Predictor, Worker
from koalacli.io.paths import Job
from koalacli.process import quiet_libraries
from koalacli.records import Notice, Record, Started


class LocalEngine:
    """See `engines.Engine`."""

    def __init__(self, config: ColorizeConfig, folder: Path | str | None = None, colorizer: Predictor | None = None):
        quiet_libraries()
        self._worker = Worker(config, folder, colorizer)
        self.journal = self._worker.journal

    def run(self, jobs: Iterable[Job]) -> Iterator[Started | Notice | Record]:
        """Run every job here."""
        network = self._worker.colorizer
        yield Started(0, network.device, network.weights.name, network.batch_size)
        yield from self._worker.run(announced(jobs, self.journal))
