"""A machine's part in a run: what chief and followers have in common, and the follower."""

import time
from collections.abc import Iterator

import keras

from koalacli.data.loader import Loader
from koalacli.model.backend.machines import Machines
from koalacli.model.recipes import TrainSettings
from koalacli.pipelines.train.events import Progressed, TrainEnded, TrainEvent, TrainStarted
from koalacli.pipelines.train.folder import RunFolder, RunProgress
from koalacli.pipelines.train.pictures import Pictures
from koalacli.pipelines.train.session import Session
from koalacli.pipelines.train.team import follow
from koalacli.pipelines.train.validation import Validator

PROGRESS_SECONDS = 0.5  # between two events of progress


class Member:
    """One machine in a run: its network, its pictures, and how far it is."""

    def __init__(
        self, folder: RunFolder, config: TrainSettings, session: Session, pictures: Pictures, machines: Machines
    ):
        self.folder, self.config, self.session, self.pictures = folder, config, session, pictures
        self.machines = machines
        self.loader: Loader = pictures.loader
        self.progress = RunProgress()
        self.best_row: dict[str, float] = {}
        self.validator = Validator(session, pictures.validation, pictures.tables, pictures.loader.batch_size)
        self.clock = self.last_event = time.monotonic()

    def restore(self) -> list[dict[str, float]]:
        """Go back to the last checkpoint; returns the rows of history up to it."""
        arrays, self.progress = self.folder.read_checkpoint()
        self.session.restore(arrays)
        rows = [row for row in self.folder.read_history() if row["step"] <= self.progress.step]
        self.best_row = next((row for row in rows if self.validator.score(row) >= self.progress.best), {})
        return rows

    def started(self, device: str) -> TrainStarted:
        """What is about to happen."""
        return TrainStarted(
            run=str(self.folder.path),
            preset=self.config.preset,
            pictures=len(self.loader.samples),
            validation_pictures=len(self.pictures.validation),
            parameters=self.session.parameters,
            device=device,
            backend=keras.backend.backend(),
            step=self.progress.step,
            baseline=self.validator.baseline,
            skipped=self.pictures.skipped,
        )

    def ended(self, reason: str) -> TrainEnded:
        """What has happened."""
        return TrainEnded(
            run=str(self.folder.path),
            reason=reason,
            weights=str(self.folder.file("best.safetensors")),
            steps=self.progress.step,
            seconds=self.progress.seconds,
            skipped=self.loader.summary(),
            success=not self.config.overfit or not self.best_row or self.validator.known_by_heart(self.best_row),
            figures=self.best_row,
        )

    def share(self) -> float:
        """How much of the run is done, 0..1, by whichever end comes first."""
        config, progress = self.config, self.progress
        shares = [0.0]
        if config.steps:
            shares.append(progress.step / config.steps)
        if config.minutes:
            shares.append(progress.seconds / (60 * config.minutes))
        if config.epochs:
            shares.append(progress.step / (config.epochs * self.loader.steps_per_epoch))
        return min(1.0, max(shares))


class Follower(Member):
    """A machine that does as the chief says; nothing is written here."""

    def go(self, device: str) -> Iterator[TrainEvent]:
        """Follow to the end."""
        yield self.started(device)
        begin = self.progress.step
        for step in follow(self.machines, self.session, self.loader, begin):
            self.progress.step = step
            self.progress.seconds = time.monotonic() - self.clock
            if time.monotonic() - self.last_event > PROGRESS_SECONDS:
                self.last_event = time.monotonic()
                rate = (step - begin) * self.loader.batch_size / self.progress.seconds
                yield Progressed(step, self.share(), float("nan"), rate, float("nan"))
        yield self.ended("the chief has ended the run")
