"""What `koala train` tells while it runs."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainStarted:
    """Sent once: what is about to happen.

    Attributes:
        run: the run's folder.
        pictures, validation_pictures: how many are trained and validated on.
        parameters: trained values.
        device, backend: where it runs.
        step: the step that the run begins at; above 0 when resumed.
        baseline: figures of the best constant color, to compare every check with.
        skipped: validation pictures that could not be used, in words.
    """

    run: str
    preset: str
    pictures: int
    validation_pictures: int
    parameters: int
    device: str
    backend: str
    step: int
    baseline: dict[str, float]
    skipped: str


@dataclass(frozen=True)
class Progressed:
    """Sent a few times per second at most: how far it is.

    Attributes:
        share: of the whole run, 0..1.
        rate: pictures per second since the last check.
        eta: seconds to the end, estimated.
    """

    step: int
    share: float
    loss: float
    rate: float
    eta: float


@dataclass(frozen=True)
class Checked:
    """Sent after every check: a row of history.csv, and whether these are the best weights so far."""

    row: dict[str, float]
    best: bool


@dataclass(frozen=True)
class Warned:
    """Something the user should know; the run goes on."""

    message: str


@dataclass(frozen=True)
class TrainEnded:
    """Sent once, at the end.

    Attributes:
        reason: why it ended.
        weights: the best weights' file.
        figures: its check.
        skipped: training pictures that could not be used, in words.
        success: False only where --overfit did not learn its pictures.
    """

    run: str
    reason: str
    weights: str
    steps: int
    seconds: float
    skipped: str
    success: bool
    figures: dict[str, float] = field(default_factory=dict)


TrainEvent = TrainStarted | Progressed | Checked | Warned | TrainEnded

_NAMES: dict[type[Any], str] = {
    TrainStarted: "start",
    Progressed: "progress",
    Checked: "check",
    Warned: "warning",
    TrainEnded: "end",
}


def as_event(event: TrainEvent) -> dict[str, Any]:
    """For --json: plain values only."""
    return {"event": _NAMES[type(event)], **asdict(event)}
