"""What pipelines yield: one record per input. The command line shows them, engines carry them."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How it ended for one input."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    PLANNED = "planned"  # --dry-run


@dataclass(frozen=True)
class Record:
    """One input's end.

    Attributes:
        source: path as given, `-` for standard input.
        target: output path, empty where there is none.
        outcome: see Outcome.
        reason: why it was skipped or failed, or a remark on how it was done; one line.
        seconds: from the start of reading to the end of writing.
        width, height: of the picture, 0 where unknown.
        source_digest: SHA-256 of the input, hexadecimal; empty where it was not read.
        kind: among what the summary counts it where that is not its outcome, as "in color already, copied".
    """

    source: str
    target: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    source_digest: str = ""
    kind: str = ""

    def as_event(self) -> dict[str, Any]:
        """For --json and --report: plain values only."""
        return {"event": "picture", **asdict(self), "seconds": round(self.seconds, 4)}


@dataclass(frozen=True)
class Started:
    """Sent once, before the first record: what is about to happen.

    Attributes:
        total: inputs; 0 is not known yet.
        device, weights, batch_size: of the network; none, as asked for and 0 where it is not needed.
        version: of koala.
        settings: those that shape outputs and differ from their defaults.
    """

    total: int
    device: str
    weights: str
    batch_size: int
    version: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def as_event(self) -> dict[str, Any]:
        """For --json: plain values only."""
        return {"event": "start", **asdict(self)}


@dataclass(frozen=True)
class Notice:
    """What is to be said of the run as a whole rather than of one input.

    Attributes:
        text: one line.
    """

    text: str

    def as_event(self) -> dict[str, Any]:
        """For --json: plain values only."""
        return {"event": "notice", **asdict(self)}


@dataclass(frozen=True)
class Phase:
    """What a run turns to before its first input or after its last, and what takes a while.

    Attributes:
        text: as "intervals and report".
    """

    text: str

    def as_event(self) -> dict[str, Any]:
        """For --json: plain values only."""
        return {"event": "phase", **asdict(self)}


@dataclass(frozen=True)
class Progress:
    """How far a long input has come.

    Attributes:
        source: path as given.
        done: frames finished, those of earlier runs included.
        total: frames expected, 0 where unknown.
        fresh: of the done ones, those of this run.
        seconds: since the first frame of this run.
    """

    source: str
    done: int
    total: int
    fresh: int
    seconds: float

    def as_event(self) -> dict[str, Any]:
        """For --json: plain values only."""
        return {"event": "progress", **asdict(self), "seconds": round(self.seconds, 3)}
