"""The engine of a cluster: pictures for the hands of `engines.outfit`, each of which has one Worker."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from koalacli.config import ColorizeConfig
from koalacli.engines.announced import announced
from koalacli.engines.outfit import Hand, Outfit, traveling, with_gpu
from koalacli.engines.pool import LARGEST_CHUNK, News
from koalacli.engines.ray import import_ray, work_on_ray
from koalacli.engines.worker import Predictor, Worker
from koalacli.errors import UsageError
from koalacli.io.arguments import STREAM
from koalacli.io.paths import Job
from koalacli.io.store_journal import open_journal
from koalacli.journal import CarriedJournal, Journal, digest_settings
from koalacli.journal_lines import Entry
from koalacli.process import worker_count
from koalacli.records import Notice, Record, Started
from koalacli.weights_files import WeightsFile


class RayEngine:
    """See `engines.Engine`. A network that is handed in travels to the workers, so it must be picklable.

    Raises:
        UsageError: Ray is not installed.
        WeightsError: there are no such weights.
    """

    def __init__(self, config: ColorizeConfig, folder: Path | str | None = None, colorizer: Predictor | None = None):
        import_ray()
        self._folder = folder
        self._config = with_gpu(config)
        self._network = traveling(colorizer, config.weights)
        known = self._network if isinstance(self._network, WeightsFile) else self._network.weights
        self.journal = open_journal(folder, digest_settings(config), known.digest, alone=config.alone)

    def run(self, jobs: Iterable[Job]) -> Iterator[Started | Notice | Record]:
        """Run every job in the cluster; Started comes with the first worker that is ready."""
        folders = (str(self.journal.folder),) if self.journal.folder else ()
        known = self.journal.settings, self.journal.weights
        make = partial(PictureHand, self._config, self._folder, known)
        yield from self.spread(make, announced(map(_reachable, jobs), self.journal), self.journal, folders)

    def spread(
        self,
        make: Callable[[Any], Hand],
        jobs: Iterable[Job],
        journal: Journal,
        folders: tuple[str, ...],
        largest: int = LARGEST_CHUNK,
    ) -> Iterator[Started | Notice | Record]:
        """Run jobs of another kind; see `Outfit` and `pool.Pool`."""
        yield from work_on_ray(Outfit(self._config, make, self._network, folders), journal, jobs, largest)


def _reachable(job: Job) -> Job:
    if STREAM in (job.source, job.target):
        raise UsageError("--ray: workers cannot reach this process's standard input and output; give files")
    return job


class PictureHand:
    """See `outfit.Hand`: colorizes pictures.

    Args:
        config: see ColorizeConfig.
        output: the output folder, or None.
        known: digests of settings and weights, for the journal.
        network: weights, or a network that is loaded already.
    """

    def __init__(
        self,
        config: ColorizeConfig,
        output: Path | str | None,
        known: tuple[str, str],
        network: Predictor | WeightsFile,
    ):
        self._journal = CarriedJournal(None if output is None else Path(output), *known, alone=config.alone)
        # The pipeline has decided what has to be done; and what a worker left that died is done again.
        config = replace(config, on_exist="overwrite", workers=worker_count(config.workers or config.ray_cpus))
        self._worker = Worker(config, None, network, self._journal)

    @property
    def colorizer(self) -> Predictor:
        """See Hand."""
        return self._worker.colorizer

    def run(self, jobs: list[Job], stopped: Callable[[], bool]) -> Iterator[tuple[News, Entry | None]]:
        """See Hand."""
        for record in self._worker.run(takewhile(lambda _: not stopped(), jobs)):
            yield record, self._journal.take(record.target) if isinstance(record, Record) else None
