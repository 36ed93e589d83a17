"""Films on a cluster: one worker goes ahead and finds a film's stretches, the others color them, here they are joined.

The work folder lies beside the output, where all nodes see it. A worker writes a segment under a name of its own; it
becomes part of the work here, in order, so that a rerun, of one process or of many, goes on where this one stopped.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.engines.outfit import Outfit, with_gpu
from koalacli.engines.ray import work_on_ray
from koalacli.errors import KoalaError, StorageFullError, UsageError
from koalacli.io.film.encode import LIBRARY
from koalacli.io.film.open import film_writing_errors
from koalacli.io.paths import Job
from koalacli.journal import Journal
from koalacli.pipelines.video.film import FilmRun, begin_film
from koalacli.pipelines.video.hands import (
    AT_ONCE,
    ColorizeStretch,
    FilmHand,
    FindStretches,
    Found,
    Segmented,
    folder_of,
)
from koalacli.pipelines.video.plan import FilmJob
from koalacli.pipelines.video.stretches import Stretch
from koalacli.records import Notice, Outcome, Progress, Record, Started


class SpreadFilm:
    """One film, and how far its workers are.

    Args:
        run: its work.
        close: lets go of that.
    """

    def __init__(self, run: FilmRun, close: ExitStack):
        self.run, self.close, work = run, close, run.work
        self.seeking = False  # whether a worker is finding stretches
        self._stretches: dict[int, Stretch] = {}  # found, not yet in the work, by number
        self._made: dict[int, Segmented] = {}  # segments that wait for those before them
        self._found, self._end, self._damage = len(work.segments), work.joint, tuple(work.damage)
        self._before = self._frames = work.joint.frames if work.joint else 0
        self._begun = time.perf_counter()

    @property
    def is_known(self) -> bool:
        """Whether all stretches are found."""
        return self._end is not None and self._end.pts is None

    def find_more(self) -> FindStretches:
        """The job of finding the next stretches."""
        self.seeking = True
        job = self.run.plan.take.job
        name = str(self.run.work.folder / f"{self._found:06}")
        return FindStretches(job.source, name, self.run.plan.take, self._end, self._damage)

    def take_found(self, stretch: Stretch) -> ColorizeStretch | None:
        """The job of coloring a stretch; None where it is known, from a worker that died."""
        if (stretch.begin.frames if stretch.begin else 0) != (self._end.frames if self._end else 0) or self.is_known:
            return None
        number, self._found = self._found, self._found + 1
        self._stretches[number], self._end, self._damage = stretch, stretch.end, stretch.damage
        plan, target = self.run.plan, str(self.run.work.folder / f"{number:06}.packets")
        return ColorizeStretch(plan.take.job.source, target, plan.take, plan.encoder, stretch)

    def take_segment(self, made: Segmented) -> Progress:
        """Put a segment into the work, once those before it are there."""
        work, number = self.run.work, int(Path(made.target).stem)
        self._made[number] = made
        self._frames += self._stretches[number].frames
        while one := self._made.pop(len(work.segments), None):
            stretch = self._stretches.pop(len(work.segments))
            with film_writing_errors(work.folder):
                Path(one.path).replace(work.next_path())
                work.add(list(one.entries), stretch.end, list(stretch.damage))
        take, fresh = self.run.plan.take, self._frames - self._before
        total = self._frames if work.done else max(take.total, self._frames)
        return Progress(take.job.source, self._frames, total, fresh, time.perf_counter() - self._begun)


class Spread:
    """Films of one run.

    Args:
        jobs: the films.
        open_film: opens one; see `film.begin_film`.
        lone: errors of the request end the run, since there is one film only.
    """

    def __init__(
        self, jobs: Sequence[FilmJob], open_film: Callable[[FilmJob], AbstractContextManager[FilmRun | Record]]
    ):
        self._films, self._open_film, self._lone = deque(jobs), open_film, len(jobs) == 1
        self._open: dict[str, SpreadFilm] = {}  # by work folder
        self._waiting: deque[ColorizeStretch] = deque()
        self._records: list[Record] = []  # of films that are over

    def work(self) -> Iterator[Job | None]:
        """Jobs, as workers ask for them; None while others have to end before there are more."""
        while True:
            vague = next((film for film in self._open.values() if not (film.seeking or film.is_known)), None)
            if vague and len(self._waiting) < AT_ONCE // 2:
                yield vague.find_more()
            elif self._waiting:
                yield self._waiting.popleft()
            elif self._films:
                self._begin(self._films.popleft())
            elif self._open:
                yield None
            else:
                return

    def take(self, news: Notice | Record) -> Iterator[Progress | Notice]:
        """What has come of a job."""
        name = news.folder if isinstance(news, Found) else folder_of(news.target) if isinstance(news, Record) else ""
        film = self._open.get(name)
        if film is None:  # late word of one that failed
            yield from [news] if isinstance(news, Notice) and not name else []
        elif isinstance(news, Found):
            if job := film.take_found(news.stretch):
                self._waiting.append(job)
        elif isinstance(news, Segmented):
            with self._failing(film.run.plan.take.job):
                yield film.take_segment(news)
                self._finish(name, film)
        elif isinstance(news, Record) and news.outcome == Outcome.FAILED:
            asked = film.run.plan.take.job
            self._end(name, Record(asked.source, asked.target, Outcome.FAILED, news.reason))
        else:
            film.seeking = False

    def take_records(self) -> list[Record]:
        """Records of films that are over."""
        records, self._records = self._records, []
        return records

    def close(self) -> None:
        """Let go of all films."""
        for name in list(self._open):
            self._open.pop(name).close.close()

    def _begin(self, job: FilmJob) -> None:
        with self._failing(job), ExitStack() as stack:
            run = stack.enter_context(self._open_film(job))
            if isinstance(run, Record):
                self._records.append(run)
                return
            name, film = str(run.work.folder), SpreadFilm(run, stack.pop_all())
            self._open[name] = film
            self._finish(name, film)

    def _finish(self, name: str, film: SpreadFilm) -> None:
        """Join what is complete."""
        if film.run.work.done:
            self._end(name, film.run.finish())

    def _end(self, name: str, record: Record) -> None:
        self._records.append(record)
        self._waiting = deque(job for job in self._waiting if folder_of(job.target) != name)
        self._open.pop(name).close.close()

    @contextmanager
    def _failing(self, job: FilmJob) -> Iterator[None]:
        """One film's error is its own."""
        try:
            yield
        except KoalaError as error:
            if isinstance(error, StorageFullError) or (isinstance(error, UsageError) and self._lone):
                raise  # the request itself is at fault, or nothing more can be written
            failed = Record(job.source, job.target, Outcome.FAILED, str(error))
            name = next((name for name, film in self._open.items() if film.run.plan.take.job == job), None)
            self._records.append(failed) if name is None else self._end(name, failed)


def colorize_on_cluster(
    jobs: Sequence[FilmJob], config: VideoConfig, colorizer: Colorizer, network: Any
) -> Iterator[Notice | Progress | Record]:
    """Color films with many workers; the same files come out as of one process.

    Args:
        jobs: the films.
        config: see VideoConfig; nothing may be known of colors.
        colorizer: a loaded network, for what it is known by.
        network: what travels to the workers: weights, or a network.

    Raises:
        ClusterError: there is no cluster, or it falls apart.
        StorageFullError, UsageError: as for `film.colorize_film`.
    """
    spread = Spread(jobs, lambda job: begin_film(job, config, colorizer))
    folders = tuple(sorted({str(Path(job.target).parent) for job in jobs}))
    outfit = Outfit(config, partial(FilmHand, with_gpu(config), LIBRARY), network, folders)
    try:
        for news in work_on_ray(outfit, Journal(), spread.work(), largest=1):
            if not isinstance(news, Started):
                yield from spread.take(news)
            yield from spread.take_records()
        yield from spread.take_records()
    finally:
        spread.close()
