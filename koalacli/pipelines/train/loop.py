"""`koala train`: photographs in, weights out."""

import time
from collections.abc import Iterator

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.color.bins import gamut_bins
from koalacli.data.loader import Batch
from koalacli.errors import UsageError
from koalacli.io.files import write_file
from koalacli.model.backend.devices import Placement, place
from koalacli.model.recipes import TrainSettings, complete
from koalacli.model.weights import encode_weights, load_weights
from koalacli.pipelines.train.card import model_card, provenance_of
from koalacli.pipelines.train.events import Checked, Progressed, TrainEvent, Warned
from koalacli.pipelines.train.folder import LOGS, SAMPLES, RunFolder, open_run
from koalacli.pipelines.train.follower import PROGRESS_SECONDS, Follower, Member
from koalacli.pipelines.train.pictures import gather
from koalacli.pipelines.train.session import Session, learning_rate
from koalacli.pipelines.train.team import Order, give, open_together, translated
from koalacli.pipelines.train.tensorboard import TensorBoard, check_tensorboard
from koalacli.pipelines.train.validation import COLLAPSED, sample_grid
from koalacli.train_config import TrainConfig

PLATEAU_PATIENCE, PLATEAU_FACTOR = 5, 0.1  # of the KTH system
OVERFIT_CHECK_STEPS = 25


def train(config: TrainConfig) -> Iterator[TrainEvent]:
    """Train a network.

    Args:
        config: see TrainConfig; open settings are filled from the preset's recipe.

    Yields:
        TrainStarted; Progressed, Checked and Warned as they come; TrainEnded.

    Raises:
        KoalaError: the run cannot begin, or cannot go on; the last checkpoint is whole then.
    """
    if config.tensorboard:
        check_tensorboard()
    placement = place(config.device, config.devices)
    try:
        folder, config, resumed = open_together(placement.machines, config, open_run)
        try:
            yield from _train(folder, complete(config), resumed, placement)
        finally:
            folder.unlock()
    except Exception as error:
        raise translated(placement.machines, error) from error


def _train(folder: RunFolder, config: TrainSettings, resumed: bool, placement: Placement) -> Iterator[TrainEvent]:
    machines = placement.machines
    if config.batch_size % placement.replicas:
        raise UsageError(f"--batch-size {config.batch_size} cannot be shared by {placement.replicas} devices")
    origin = folder.file("last.safetensors") if resumed else config.start
    start = load_weights(origin) if origin else None
    bins = start.network.tables.get("gamut_bins", gamut_bins()) if start else gamut_bins()
    pictures = gather(config, bins)
    session = Session(config, pictures.tables, start, placement, pictures.folders)
    member = (Follower if machines.rank else Chief)(folder, config, session, pictures, machines)
    if resumed:
        member.restore()
    elif isinstance(member, Chief):
        folder.lock()
        folder.write_args(config)
    try:
        yield from member.go(placement.name)
    except Exception:
        if isinstance(member, Chief) and not resumed:
            folder.give_up()
        raise


class Chief(Member):
    """The machine that trains alone or leads the others: the loop, its clock and its checks."""

    losses: list[float]
    logs: TensorBoard | None = None
    collapsed = False
    last_check = 0.0

    def restore(self) -> list[dict[str, float]]:
        """Go back to the last checkpoint, and history with it."""
        rows = super().restore()
        self.folder.write_history(rows)
        return rows

    def go(self, device: str) -> Iterator[TrainEvent]:
        """Train to the end."""
        self.losses = []
        if self.config.tensorboard:
            self.logs = TensorBoard(self.folder.file(LOGS), self.progress.step + bool(self.progress.checks))
        try:
            yield self.started(device)
            if self.session.way.remark:
                yield Warned(self.session.way.remark)
            yield from self._go()
        finally:
            if self.logs:
                self.logs.close()

    def _go(self) -> Iterator[TrainEvent]:
        self.clock = time.monotonic() - self.progress.seconds
        self.last_check = self.last_event = time.monotonic()
        if not self.progress.checks:
            yield from self._check()
        reason = self._end()
        batches = self.loader.batches(self.progress.step, 0, self.machines.count)
        try:
            while not reason:
                self._step(next(batches))
                if self._check_is_due():
                    yield from self._check()
                elif time.monotonic() - self.last_event > PROGRESS_SECONDS:
                    yield self._progressed()
                reason = self._end()
            if self.losses:
                yield from self._check()
            give(self.machines, Order.END)
        except (KeyboardInterrupt, GeneratorExit):
            self._store()  # what was learned since the last check is kept
            raise
        finally:
            batches.close()
        yield self.ended(reason)

    def _step(self, batch: Batch) -> None:
        rate = learning_rate(self.config, self.progress.step, self.share(), self.progress.rate_factor)
        self.losses.append(self.session.step(batch, give(self.machines, Order.STEP, rate)))
        self.progress.step += 1
        self.progress.seconds = time.monotonic() - self.clock

    def _end(self) -> str:
        """Why the run is at its end, or nothing."""
        config = self.config
        if self.share() >= 1:
            return "all done"
        if config.early_stopping and self.progress.stale >= config.early_stopping:
            return f"no better weights in {self.progress.stale} checks"
        if config.overfit and self.best_row and self.validator.known_by_heart(self.best_row):
            return "learned by heart"
        return ""

    def _check_is_due(self) -> bool:
        steps = OVERFIT_CHECK_STEPS if self.config.overfit else self.loader.steps_per_epoch
        waited = time.monotonic() - self.last_check
        return self.progress.step % steps == 0 or waited > 60 * self.config.checkpoint_minutes

    def _check(self) -> Iterator[TrainEvent]:
        """Validate, store weights, history, samples and checkpoint, in an order that a crash cannot hurt."""
        session, progress = self.session, self.progress
        steps_since = len(self.losses)
        seconds_since = time.monotonic() - self.last_check
        give(self.machines, Order.CHECK)
        with session.averaged():
            measured, ab = self.validator.measure()
            row = {
                "step": float(progress.step),
                "epoch": progress.step / self.loader.steps_per_epoch,
                "seconds": progress.seconds,
                "lr": learning_rate(self.config, progress.step, self.share(), progress.rate_factor),
                "loss": float(np.mean(self.losses)) if self.losses else float("nan"),
                **measured,
                "pictures_per_second": steps_since * self.loader.batch_size / seconds_since,
            }
            best = self._judge(row)
            self._write_weights(("last", "best") if best else ("last",), row)
        self._write_grid(ab, row)
        self.folder.append_history(row)
        self.losses.clear()
        self._store()
        yield Checked(row, best)
        yield from self._alarm(row["spread"])
        self.last_check = self.last_event = time.monotonic()

    def _alarm(self, spread: float) -> Iterator[Warned]:
        """Say once that predictions collapse, and again only when they had recovered."""
        # The first checks of a fresh network may be of one color; what the run ends with may not.
        collapsed = (self.progress.checks > 2 or self.share() >= 1) and not spread >= COLLAPSED
        if collapsed and not self.collapsed:
            yield Warned(
                f"predictions collapse toward one color: their spread is {spread:.0%} of the references'; "
                "a lower --lr, --loss rebalanced or more varied pictures may help"
            )
        self.collapsed = collapsed

    def _judge(self, row: dict[str, float]) -> bool:
        """Whether these are the best weights so far; moves the plateau schedule."""
        progress, score = self.progress, self.validator.score(row)
        progress.checks += 1
        if score > progress.best:
            progress.best, progress.stale, self.best_row = score, 0, row
            return True
        progress.stale += 1
        if self.config.schedule == "plateau" and progress.stale % PLATEAU_PATIENCE == 0:
            progress.rate_factor *= PLATEAU_FACTOR
        return False

    def _write_weights(self, names: tuple[str, ...], row: dict[str, float]) -> None:
        session, baseline = self.session, self.validator.baseline
        provenance = provenance_of(self.config, session, self.pictures, row, baseline, self.loader.skipped)
        content, digest = encode_weights(session.network, session.read_out, provenance)
        for name in names:
            write_file(self.folder.file(f"{name}.safetensors"), content)
            card = model_card(self.folder.name, session.network.config, provenance, digest)
            write_file(self.folder.file(f"{name}.md"), card.encode())

    def _write_grid(self, ab: Array, row: dict[str, float]) -> None:
        sheet = sample_grid(self.pictures.validation, ab)
        _, encoded = cv2.imencode(".jpg", sheet[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 92))
        content = encoded.tobytes()
        write_file(self.folder.file(f"{SAMPLES}/{self.progress.step:06d}.jpg"), content)
        if self.logs:
            self.logs.write(row, sheet, content)

    def _store(self) -> None:
        self.folder.write_checkpoint(self.session.arrays(), self.progress)
        if self.loader.skipped:
            self.folder.write_skipped({sample.name: reason for sample, reason in self.loader.skipped.items()})

    def _progressed(self) -> Progressed:
        self.last_event = time.monotonic()
        share = self.share()
        rate = len(self.losses) * self.loader.batch_size / (self.last_event - self.last_check)
        eta = self.progress.seconds * (1 - share) / share if share else float("nan")
        return Progressed(self.progress.step, share, float(np.mean(self.losses[-20:])), rate, eta)
