"""A run's folder: settings, history, checkpoints, weights, sample grids.

    runs/train/NAME/
    ├─ args.toml             settings, complete
    ├─ history.csv           one row per check
    ├─ samples/000123.jpg    gray | prediction | reference, at step 123
    ├─ best.safetensors      weights of the best check so far; last.safetensors: of the last one
    ├─ best.md, last.md      their model cards
    ├─ checkpoint.safetensors  what resuming needs: values, optimizer, counters
    ├─ tensorboard/          on request: the same figures and grids, for TensorBoard
    ├─ lock                  held by the process that trains; means nothing once it ended
    └─ skipped.csv           pictures that could not be used, and why

Every file is written whole or not at all.
"""

import csv
import io
import json
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.errors import DataError, OutputError, UsageError
from koalacli.io.files import TEMPORARY, write_file
from koalacli.io.locks import FolderLock
from koalacli.train_config import ENDS, TrainConfig, stated

ARGS, HISTORY, CHECKPOINT, SKIPPED = "args.toml", "history.csv", "checkpoint.safetensors", "skipped.csv"
SAMPLES, LOGS = "samples", "tensorboard"
# Whatever a run has written before its first checkpoint.
WRITTEN = (ARGS, HISTORY, "lock", "best.*", "last.*", f".*{TEMPORARY}", f"{SAMPLES}/*", f"{LOGS}/*")
# What may change when a run goes on; anything else would make it another run.
FREE_TO_CHANGE = {
    *("name", "runs", "resume", "epochs", "steps", "minutes", "workers", "device", "devices", "checkpoint_minutes"),
    *("data_terms", "early_stopping", "tensorboard"),
}
Arrays = dict[str, NDArray[Any]]


@dataclass
class RunProgress:
    """Counters that a checkpoint keeps beside the arrays.

    Attributes:
        step: finished steps.
        seconds: of training so far, checks included.
        checks: finished checks.
        best: score of the best check.
        stale: checks since then.
        rate_factor: what the plateau schedule has multiplied the learning rate by.
        reached: end of the run was reached.
    """

    step: int = 0
    seconds: float = 0.0
    checks: int = 0
    best: float = float("-inf")
    stale: int = 0
    rate_factor: float = 1.0


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = FolderLock(path)

    @property
    def name(self) -> str:
        """The run's name: that of its folder."""
        return self.path.name

    def lock(self) -> None:
        """Keep other processes from going on with the same run; the folder is made if need be.

        Raises:
            UsageError: another one is at it.
            OutputError: the folder cannot be written.
        """
        try:
            taken = self._lock.take()
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror or error}); give another --runs"
            ) from error
        if not taken:
            raise UsageError(
                f"{self.path}: process {self._lock.holder()} is training this run; let it end, or give another --name"
            )

    def unlock(self) -> None:
        """Let others go on with the run."""
        self._lock.release()

    def give_up(self) -> None:
        """Leave nothing of a run without a checkpoint, so that its name is free again; what others put there stays."""
        if self.file(CHECKPOINT).exists():
            return
        for pattern in WRITTEN:
            for path in self.path.glob(pattern):
                path.unlink()
        for folder in (self.file(SAMPLES), self.file(LOGS), self.path):
            with suppress(OSError):  # it is not there, or not empty
                folder.rmdir()

    def file(self, name: str) -> Path:
        """A file of the run."""
        return self.path / name

    def write_args(self, config: TrainConfig) -> None:
        """Store complete settings."""
        lines = [f"{key} = {_toml(value)}\n" for key, value in stated(config).items()]
        write_file(self.file(ARGS), "".join(lines).encode())

    def read_args(self) -> TrainConfig:
        """Settings as stored."""
        try:
            stored = tomllib.loads(self.file(ARGS).read_text("utf-8"))
            known = {field.name for field in fields(TrainConfig)}
            values: dict[str, Any] = {key: _plain(value) for key, value in stored.items() if key in known}
            return TrainConfig(**values)
        except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
            raise DataError(f"{self.file(ARGS)}: not the settings of a run ({error})") from error

    def append_history(self, row: dict[str, float]) -> None:
        """Add a check to history.csv, rewritten whole: it stays readable whatever happens."""
        self.write_history([*self.read_history(), row])

    def write_history(self, rows: list[dict[str, float]]) -> None:
        """Replace history.csv."""
        if not rows:
            self.file(HISTORY).unlink(missing_ok=True)
            return
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(rows[-1]), restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
        write_file(self.file(HISTORY), buffer.getvalue().encode())

    def read_history(self) -> list[dict[str, float]]:
        """All checks so far."""
        if not self.file(HISTORY).is_file():
            return []
        with self.file(HISTORY).open(newline="") as file:
            return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]

    def write_checkpoint(self, arrays: Arrays, progress: RunProgress) -> None:
        """Store everything that going on needs, in one file, replacing the last one only when it is whole."""
        write_arrays(self.file(CHECKPOINT), arrays, asdict(progress))

    def read_checkpoint(self) -> tuple[Arrays, RunProgress]:
        """The last checkpoint."""
        arrays, header = read_arrays(self.file(CHECKPOINT))
        return arrays, RunProgress(**header)

    def write_skipped(self, skipped: dict[str, str]) -> None:
        """List the pictures that could not be used."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([("picture", "reason"), *sorted(skipped.items())])
        write_file(self.file(SKIPPED), buffer.getvalue().encode())


def open_run(config: TrainConfig) -> tuple[RunFolder, TrainConfig, bool]:
    """The run's folder, its settings, and whether it goes on from a checkpoint. A run to resume is locked.

    Raises:
        UsageError: the name is taken, settings differ from those of the run to resume, or it is being trained.
        DataError: there is no run to resume.
    """
    runs = Path(config.runs)
    if config.name and (Path(config.name).name != config.name or config.name == ".." or "\0" in config.name):
        raise UsageError(f"--name {config.name!r} is no name of a folder; --runs says where the folder is")
    if config.resume:
        folder = RunFolder(runs / config.name if config.name else _newest(runs))
        if not folder.file(ARGS).is_file():
            raise DataError(f"{folder.path}: no run to resume there")
        merged = _merged(folder.read_args(), config)
        folder.lock()
        return folder, merged, folder.file(CHECKPOINT).is_file()
    if not config.data:
        raise UsageError("nothing to train on: give --data DIR (or --resume a run)")
    name = config.name or _free_name(runs, config.preset)
    folder = RunFolder(runs / name)
    if folder.path.exists() and any(folder.path.iterdir()):
        raise UsageError(f"{folder.path}: this run exists; give another --name, or --resume it")
    return folder, replace(config, name=name), False


def write_arrays(path: Path, arrays: Arrays, header: dict[str, Any]) -> None:
    """Store arrays exactly, with a header of plain values."""
    from safetensors.numpy import save

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_file(path, save(whole, metadata={"koala": json.dumps(header)}))


def read_arrays(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """What `write_arrays` stored.

    Raises:
        DataError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["koala"])
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def _merged(stored: TrainConfig, given: TrainConfig) -> TrainConfig:
    """Stored settings with those changed that the user gave now and may change."""
    changes: dict[str, Any] = {}
    for field in fields(TrainConfig):
        value = _plain(getattr(given, field.name))
        if value == field.default:
            continue
        if field.name in FREE_TO_CHANGE:
            changes[field.name] = value
        elif value != getattr(stored, field.name):
            flag = field.name.replace("_", "-")
            raise UsageError(f"--{flag} cannot change when a run is resumed: it was {getattr(stored, field.name)}")
    if any(end in changes for end in ENDS):  # a new end replaces the old one
        changes.update({end: None for end in ENDS if end not in changes})
    return replace(stored, **changes)


def _free_name(runs: Path, preset: str) -> str:
    number = 1
    while (runs / f"{preset}-{number}").exists():
        number += 1
    return f"{preset}-{number}"


def _newest(runs: Path) -> Path:
    found = sorted(runs.glob(f"*/{ARGS}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise DataError(f"{runs}: no run to resume there; give --name or --runs")
    return found[-1].parent


def _plain(value: Any) -> Any:
    """A list, as flags and TOML give it, becomes the tuple that settings hold."""
    return tuple(value) if isinstance(value, list) else value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    # JSON strings are TOML basic strings; numbers are the same in both.
    return json.dumps(value) if isinstance(value, str) else repr(value)
