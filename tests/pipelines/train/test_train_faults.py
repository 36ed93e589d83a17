"""Runs of training that must not begin, and what is left of those that end early."""

import errno
import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from koalacli.errors import DataError, DeviceError, StorageFullError, TrainingError, UsageError, WeightsError
from koalacli.model.recipes import complete
from koalacli.pipelines.train.events import Checked
from koalacli.pipelines.train.folder import RunFolder
from koalacli.pipelines.train.loop import train
from koalacli.train_config import TrainConfig


def test_missing_extractor_weights_end_the_run_before_it_begins(config: TrainConfig) -> None:
    """The message names the file and where it comes from; no run folder is left."""
    with pytest.raises(WeightsError, match=r"nowhere\.h5.*xception_weights.*https://"):
        next(train(replace(config, preset="photos-xception", extractor=None, extractor_weights="nowhere.h5")))
    assert not Path(config.runs, "run").exists()


def test_a_full_disk_ends_the_run_and_keeps_the_last_checkpoint(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says so; the checkpoint before it can be resumed."""
    run = train(replace(config, checkpoint_minutes=1e-6))
    next(event for event in run if isinstance(event, Checked) and event.row["step"] == 2)

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        with pytest.raises(StorageFullError, match="no space left"):
            list(run)
    assert not list(Path(config.runs, "run").glob(".*.part"))
    assert next(train(TrainConfig(runs=config.runs, name="run", resume=True))).step == 2


def test_a_dead_source_ends_the_run_and_keeps_the_last_checkpoint(config: TrainConfig, tmp_path: Path) -> None:
    """The pictures vanish while training: a clear error, and the checkpoint is whole."""
    folder = tmp_path / "usb"
    folder.mkdir()
    for path in Path(config.data[0]).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    run = train(replace(config, data=(str(folder),), steps=500))
    next(event for event in run if isinstance(event, Checked))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(DataError, match=r"usb.*gone"):
        list(run)
    assert RunFolder(Path(config.runs, "run")).read_checkpoint()[1].checks >= 1


def test_a_folder_of_gray_pictures_is_an_error(config: TrainConfig, tmp_path: Path) -> None:
    """Nothing is left to train on, and the message counts why."""
    for number in range(3):
        gray = np.random.default_rng(number).integers(0, 255, (64, 64), np.uint8)
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", gray)[1].tobytes())
    with pytest.raises(DataError, match=r"usable.*gray"):
        next(train(replace(config, data=(str(tmp_path),))))


def test_a_diverging_run_is_stopped(config: TrainConfig) -> None:
    """A loss that is no number ends the run with a hint."""
    with pytest.raises(TrainingError, match="--lr"):
        list(train(replace(config, optimizer="sgd", lr=1e30)))


def test_weights_of_another_network_are_refused(config: TrainConfig) -> None:
    """Fine-tuning another head or preset is a usage error that says what differs."""
    with pytest.raises(UsageError, match="another network"):
        next(train(replace(config, start="koala")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "mse", "head": "bins"}, "reads the head"),
        ({"preset": "koala", "extractor": "xception"}, "its own extractor"),
        ({"extractor": "trunk"}, "no trunk"),
        ({"image_size": 50}, "multiple of 32"),
        ({"batch_size": 0}, "1 or more"),
        ({"data": ()}, "nothing to train on"),
    ],
)
def test_contradictions_are_refused(config: TrainConfig, changes: dict[str, Any], message: str) -> None:
    """Settings that cannot be meant are refused before anything is written."""
    with pytest.raises(UsageError, match=message):
        next(train(replace(config, **changes)))
    assert not Path(config.runs, "run").exists()


@pytest.mark.parametrize("name", ["../outside", "a/b", "..", "/tmp/run"])
def test_a_run_lives_in_the_folder_of_runs(config: TrainConfig, name: str) -> None:
    """A name that leads elsewhere is refused, also when resuming; nothing is written."""
    for resume in (False, True):
        with pytest.raises(UsageError, match="no name of a folder"):
            next(train(replace(config, name=name, resume=resume)))
    assert not Path(config.runs).exists()


NUMBERS = [known.name for known in fields(TrainConfig) if type(getattr(complete(TrainConfig()), known.name)) is float]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_every_number_is_finite_and_in_its_range(config: TrainConfig, name: str, value: float) -> None:
    """Whatever is none, or below its least, is refused by the name of its flag."""
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} {value}: give"):
        complete(replace(config, **{name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ema", 1.0),
        ("val_split", 0.0),
        ("val_split", 1.0),
        ("seed", -1),
        ("seed", 2**32),
        ("overfit", -1),
        ("devices", -1),
    ],
)
def test_numbers_beyond_their_range_are_refused(config: TrainConfig, name: str, value: float) -> None:
    """Before anything is read or written."""
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} {value}: give"):
        complete(replace(config, **{name: value}))


def test_a_run_that_cannot_start_leaves_its_name_free(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a missing package nor a first check that fails blocks the next try; what others put there stays."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
        with pytest.raises(UsageError, match="tensorboard"):
            next(train(replace(config, tensorboard=True)))
    assert not Path(config.runs, "run").exists()

    def fail(*_given: object) -> None:
        Path(config.runs, "run", "mine").touch()
        raise StorageFullError("full")

    with monkeypatch.context() as patch:
        patch.setattr("koalacli.pipelines.train.loop.sample_grid", fail)
        with pytest.raises(StorageFullError):
            list(train(config))
    assert [path.name for path in Path(config.runs, "run").iterdir()] == ["mine"]


def test_a_run_is_never_overwritten(config: TrainConfig) -> None:
    """A taken name is refused; without a name the next free number is taken."""
    next(train(config))
    with pytest.raises(UsageError, match="exists"):
        next(train(config))
    names = [Path(next(train(replace(config, name=""))).run).name for _ in range(2)]
    assert names == ["deep-koalarization-1", "deep-koalarization-2"]


def test_a_run_is_trained_by_one_process_at_a_time(config: TrainConfig) -> None:
    """A run that is under way is not resumed beside itself; once it ended, it is."""
    running = train(config)
    next(running)
    again = TrainConfig(runs=config.runs, name="run", resume=True)
    with pytest.raises(UsageError, match=rf"process {os.getpid()} is training this run"):
        next(train(again))
    list(running)
    assert next(train(replace(again, steps=7))).step == 6


def test_what_makes_a_run_cannot_change_when_it_goes_on(config: TrainConfig) -> None:
    """Another batch size would be another run."""
    next(iter(train(config)))
    with pytest.raises(UsageError, match="--batch-size cannot change"):
        next(train(TrainConfig(runs=config.runs, name="run", resume=True, batch_size=2)))


@pytest.mark.parametrize(
    ("variable", "changes", "message"),
    [
        ("TF_CONFIG", {}, r"TF_CONFIG: the machines cannot be joined.*cluster"),
        ("KERAS_DISTRIBUTION_JOB_ADDRESSES", {}, "not for tensorflow: TF_CONFIG does"),
        ("UNUSED", {"device": "gpu:7"}, "not available"),
        ("UNUSED", {"devices": 7}, "were asked for"),
    ],
)
def test_devices_that_are_not_there_are_refused(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch, variable: str, changes: dict[str, Any], message: str
) -> None:
    """No silent fallback to fewer devices or machines than were asked for."""
    monkeypatch.setenv(variable, "{}")
    with pytest.raises(DeviceError, match=message):
        next(train(replace(config, **changes)))
