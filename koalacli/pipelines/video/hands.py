"""What workers of a cluster do for films: find stretches, and color them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from uuid import uuid4

import cv2

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.engines.pool import News
from koalacli.errors import ClusterError, KoalaError, StorageFullError
from koalacli.io.film.encode import LIBRARY, EncoderPlan, PacketEntry
from koalacli.io.film.segments import Joint
from koalacli.io.paths import Job
from koalacli.journal_lines import Entry
from koalacli.pipelines.video.plan import Take
from koalacli.pipelines.video.stretches import Stretch, colorize_stretch, find_stretches
from koalacli.records import Notice, Outcome, Record
from koalacli.settings import read_out_of
from koalacli.weights_files import WeightsFile

AT_ONCE = 30  # stretches that are found in one go, each with less than a megabyte of carried color


@dataclass(frozen=True)
class FindStretches(Job):
    """Find the next stretches; the target only names the job.

    Attributes:
        joint: where the first begins; None at the film's beginning.
        damage: what was met before.
    """

    take: Take
    joint: Joint | None
    damage: tuple[str, ...]


@dataclass(frozen=True)
class ColorizeStretch(Job):
    """Color one stretch; the target is its segment's name, which the worker changes into one of its own."""

    take: Take
    encoder: EncoderPlan
    stretch: Stretch


@dataclass(frozen=True)
class Found(Notice):
    """A stretch of a film.

    Attributes:
        folder: the film's work.
    """

    folder: str
    stretch: Stretch


@dataclass(frozen=True)
class Segmented(Record):
    """A stretch was colored.

    Attributes:
        path: of the segment.
        entries: its packets.
    """

    path: str = ""
    entries: tuple[PacketEntry, ...] = ()


class FilmHand:
    """See `outfit.Hand`: finds and colors stretches.

    Args:
        config: see VideoConfig.
        library: of the process that asks: segments of two libraries need not join.
        network: weights, or a network that is loaded already.
    """

    def __init__(self, config: VideoConfig, library: str, network: Colorizer | WeightsFile):
        if library != LIBRARY:
            raise ClusterError(f"{LIBRARY} on a node, but {library} asks; install the same on each node")
        self._config, self._network = config, network
        cv2.setNumThreads(1)  # each stage has a thread of its own; more would only fight

    @property
    def colorizer(self) -> Colorizer:
        """See Hand."""
        if isinstance(self._network, WeightsFile):
            self._network = Colorizer(self._network, self._config.device, **read_out_of(self._config))
        return self._network

    def run(self, jobs: list[Job], stopped: Callable[[], bool]) -> Iterator[tuple[News, Entry | None]]:
        """See Hand."""
        for job in jobs:
            try:
                for news in self._find(job) if isinstance(job, FindStretches) else self._color(job, stopped):
                    if stopped():
                        return
                    yield news, None
            except StorageFullError:
                raise
            except KoalaError as error:
                yield Record(job.source, job.target, Outcome.FAILED, str(error)), None

    def _find(self, job: FindStretches) -> Iterator[News]:
        found = find_stretches(job.take, self.colorizer, job.joint, list(job.damage))
        for stretch in islice(found, AT_ONCE):
            yield Found("", folder_of(job.target), stretch)
        found.close()
        yield Record(job.source, job.target, Outcome.DONE)

    def _color(self, job: Job, stopped: Callable[[], bool]) -> Iterator[News]:
        assert isinstance(job, ColorizeStretch)
        path = Path(job.target).with_suffix(f".{uuid4().hex[:8]}.packets")  # a worker that was given up may still write
        entries = colorize_stretch(job.take, job.encoder, self.colorizer, job.stretch, path, stopped)
        yield Segmented(job.source, job.target, Outcome.DONE, path=str(path), entries=tuple(entries))


def folder_of(target: str) -> str:
    """The work folder of a job."""
    return str(Path(target).parent)
