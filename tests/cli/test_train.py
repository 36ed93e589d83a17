"""`koala train` at the command line."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console
from schemas import read_events
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.cli.train_display import TrainDisplay
from koalacli.errors import WeightsError
from koalacli.model import network
from koalacli.model.pretrained import fill_extractor
from koalacli.model.recipes import complete
from koalacli.pipelines.train.events import Checked, Progressed, TrainStarted
from koalacli.pipelines.train.folder import RunFolder, RunProgress
from koalacli.pipelines.train.follower import Member
from koalacli.presets import PRESETS
from koalacli.train_config import TrainConfig

BASELINE = dict.fromkeys(("val_loss", "ab_error", "auc_rebalanced", "colorfulness", "colorfulness_gap", "spread"), 0.0)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A small run on six pictures of two colors each."""
    monkeypatch.setattr(network, "KOALARIZATION_ENCODER", tuple((8, s) for _, s in network.KOALARIZATION_ENCODER))
    monkeypatch.setitem(network.PLAIN_DECODERS, "koalarization", (16, "up", 16, 16, "up", 16))
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 255, (4, 4, 3), np.uint8)
        picture = cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC)
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    flags = {
        **{"--data": tmp_path, "--val-data": tmp_path, "--preset": "deep-koalarization", "--extractor": "none"},
        **{"--image-size": 32, "--batch-size": 3, "--steps": 2, "--runs": tmp_path / "runs", "--name": "a"},
    }
    return ["train", *(str(word) for pair in flags.items() for word in pair)]


def test_json_is_one_event_per_line(arguments: list[str]) -> None:
    """Start, checks and end, with plain values only, and nothing else on standard output."""
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    events = read_events("train", done.stdout)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert kinds.count("check") == 2
    assert events[-1]["weights"].endswith("best.safetensors")


def test_people_see_figures_beside_the_constant_color(arguments: list[str]) -> None:
    """Checks, the baseline and where the weights are."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    for words in ("one constant color", "validation loss", "best weights"):
        assert words in done.stderr
    weights = Path(arguments[-3], "a", "best.safetensors")
    assert f"next: koala colorize PICTURE --weights {weights}" in done.stderr
    assert weights.is_file()
    assert done.stdout == ""


def test_what_is_no_number_is_not_shown_as_one() -> None:
    """Before the first step there is no loss; no run is more than done, and none ends before now."""
    display = TrainDisplay(TrainConfig(), as_json=False, quiet=False)
    display.console = Console(file=io.StringIO(), width=200)
    display.last_line = float("-inf")  # a line is due
    first = Checked({"step": 0.0, "epoch": 0.0, "loss": float("nan"), **BASELINE}, best=True)
    display.show([first, Progressed(5, 1.0, float("nan"), 1.0, -2.0)])
    told = display.console.file.getvalue()
    assert "loss –" in told
    assert "100%" in told
    assert " 0.0 min to go" in told
    assert "nan" not in told


def test_minutes_that_are_over_are_not_more_than_all() -> None:
    """The last step of a run by the clock ends a little late."""
    member = object.__new__(Member)
    member.config, member.progress = complete(TrainConfig(minutes=1.0)), RunProgress(seconds=61.0)
    assert member.share() == 1.0


def test_failing_to_overfit_is_exit_code_1(arguments: list[str]) -> None:
    """One step learns nothing by heart."""
    done = CliRunner().invoke(app, [*arguments, "--overfit", "3", "--steps", "1"])
    assert done.exit_code == 1, done.output
    assert "NOT learned" in done.stderr
    asked = " ".join(arguments[1:]).replace(" --name a", "").replace(" --steps 2", "")
    following = next(line for line in done.stderr.splitlines() if line.startswith("next: koala train "))
    words = following.removeprefix("next: koala train ").split()
    assert sorted(words) == sorted([*asked.split(), "--overfit", "3", "--steps", "2"])


def test_an_interrupted_run_says_how_it_goes_on() -> None:
    """With the name of its folder, so that the line can be typed as it is."""

    def events() -> Iterator[Any]:
        yield TrainStarted("runs/train/a b", "koala", 1, 1, 1, "cpu", "tensorflow", 0, BASELINE, "")
        raise KeyboardInterrupt

    display = TrainDisplay(TrainConfig(), as_json=False, quiet=True)
    display.console = Console(file=io.StringIO(), width=200)
    with pytest.raises(KeyboardInterrupt):
        display.show(events())
    assert "to go on: koala train --name 'a b' --resume" in display.console.file.getvalue()


def test_missing_packages_and_values_are_said_before_any_picture_is_read(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """TensorBoard's package; and values of ImageNet, which nobody fetches unless asked to."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
        patch.setattr("koalacli.pipelines.train.loop.gather", None)
        done = CliRunner().invoke(app, [*arguments, "--tensorboard"])
    assert done.exit_code == 2
    assert "koala-colorizer[tensorboard]" in done.stderr
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("koalacli.model.pretrained.load_part", None)  # nothing is asked of Keras
    extractor = SimpleNamespace(layers=[])
    with pytest.raises(WeightsError, match="--extractor-weights imagenet fetches them"):
        fill_extractor(extractor, "xception", "softmax", PRESETS["photos-xception"].recipe.extractor_weights)


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["train"], 2),
        (["train", "--data", "/nowhere"], 1),
        (["train", "--preset", "unknown", "--data", "."], 2),
        (["train", "--resume", "--runs", "/nowhere"], 1),
        (["train", "--data", ".", "--device", "gpu:9"], 5),
    ],
)
def test_errors_have_their_exit_codes(flags: list[str], code: int) -> None:
    """Usage, data and device errors are told apart."""
    assert CliRunner().invoke(app, flags).exit_code == code


def test_help_states_every_default_of_every_preset() -> None:
    """What a preset trains with can be read without running it."""
    text = " ".join(CliRunner().invoke(app, ["train", "--help-all"]).output.split())
    text = text.replace("- ", "-")  # lines may end within a flag
    for preset in PRESETS:
        assert f"Preset {preset} trains with" in text
        for key, value in asdict(PRESETS[preset].recipe).items():
            assert f"--{key.replace('_', '-')} {value}" in text


def test_kill_and_resume(arguments: list[str], tmp_path: Path) -> None:
    """SIGKILL at any moment leaves a run that goes on from its last checkpoint."""
    words = [*arguments, "--steps", "100000", "--checkpoint-minutes", "0.0005"]
    words[words.index("--steps") + 1] = "100000"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    script = (
        "import sys; from koalacli.model import network as n;"
        "n.KOALARIZATION_ENCODER = tuple((8, s) for _, s in n.KOALARIZATION_ENCODER);"
        "n.PLAIN_DECODERS['koalarization'] = (16, 'up', 16, 16, 'up', 16);"
        "from koalacli.cli.app import main; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", script, *words], env=environment, stderr=subprocess.DEVNULL)
    folder = RunFolder(tmp_path / "runs" / "a")
    end = time.monotonic() + 150
    while time.monotonic() < end and len(folder.read_history()) < 4:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = folder.read_checkpoint()[1].step
    assert step >= 2
    resume = ["train", "--resume", "--runs", str(tmp_path / "runs"), "--name", "a", "--steps", str(step + 2), "--json"]
    done = CliRunner().invoke(app, [*resume, "--checkpoint-minutes", "5"])
    assert done.exit_code == 0, done.output
    events = read_events("train", done.stdout)
    assert events[0]["step"] == step
    assert events[-1]["steps"] == step + 2
    steps = [row["step"] for row in folder.read_history()]
    assert steps == sorted(set(steps))
