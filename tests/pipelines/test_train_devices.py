"""The same training on other backends, and on several devices."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from koalacli.config import TrainConfig
from koalacli.model import network
from koalacli.model.weights import load_weights
from koalacli.pipelines.train import train
from koalacli.pipelines.train_run import RunFolder

ROOT = Path(__file__).resolve().parents[2]

# Runs in a process of its own: a backend and its devices are chosen once, before anything else.
SCRIPT = """
import json, os, sys

task = json.loads(sys.argv[1])
if task["backend"] != "tensorflow":
    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == "tensorflow":
                raise ImportError("TensorFlow is not installed on this training machine")
    sys.meta_path.insert(0, Blocker())
elif task["virtual"]:
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * task["virtual"])

from koalacli.config import TrainConfig
from koalacli.model import network
from koalacli.pipelines.train import train

network.KOALARIZATION_ENCODER = tuple((8, stride) for _, stride in network.KOALARIZATION_ENCODER)
network.PLAIN_DECODERS["koalarization"] = (16, "up", 16, 16, "up", 16)
for event in train(TrainConfig(**task["config"])):
    pass

if task["outputs"]:
    import keras
    import numpy as np
    from koalacli.model.weights import load_weights

    loaded = load_weights(event.weights).network
    lightness = np.linspace(0, 100, 32 * 64, dtype=np.float32).reshape(1, 32, 64, 1)
    np.save(task["outputs"], keras.ops.convert_to_numpy(loaded.model(lightness, training=False)))
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of smooth random colors."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 255, (4, 4, 3), np.uint8)
        picture = cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC)
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


@pytest.fixture(scope="module", autouse=True)
def tiny_network() -> Iterator[None]:
    """The 2017 network with few filters per layer, as in the script."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "KOALARIZATION_ENCODER", tuple((8, s) for _, s in network.KOALARIZATION_ENCODER))
        patch.setitem(network.PLAIN_DECODERS, "koalarization", (16, "up", 16, 16, "up", 16))
        yield


def settings(pictures: Path, runs: Path, name: str, **changes: Any) -> dict[str, Any]:
    """Three steps of a small network."""
    return {
        **{"data": [str(pictures)], "val_data": [str(pictures)], "preset": "deep-koalarization", "extractor": "none"},
        **{"image_size": 32, "batch_size": 4, "steps": 3, "runs": str(runs), "name": name, "workers": 1, "ema": 0.9},
        **changes,
    }


@pytest.fixture(scope="module")
def start(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights that all runs start from: backends draw different random values."""
    runs = tmp_path_factory.mktemp("start")
    list(train(TrainConfig(**settings(pictures, runs, "start", steps=1))))
    return str(runs / "start" / "last.safetensors")


@pytest.fixture(scope="module")
def alone(pictures: Path, start: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Figures of the run on one device under TensorFlow."""
    runs = tmp_path_factory.mktemp("alone")
    list(train(TrainConfig(**settings(pictures, runs, "alone", start=start))))
    return last_row(runs, "alone")


def last_row(runs: Path, name: str) -> dict[str, float]:
    """Figures of a run's last check."""
    return RunFolder(runs / name).read_history()[-1]


def run_apart(config: dict[str, Any], backend: str = "tensorflow", virtual: int = 0, outputs: str = "") -> None:
    """A training in a process of its own, to its end."""
    task = {"backend": backend, "virtual": virtual, "outputs": outputs, "config": config}
    flags = f"--xla_force_host_platform_device_count={virtual or 1}"
    variables = {"KERAS_BACKEND": backend, "XLA_FLAGS": flags, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(task)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def same(row: dict[str, float], expected: dict[str, float]) -> None:
    """Loss and error agree."""
    for figure in ("loss", "val_loss", "ab_error"):
        assert row[figure] == pytest.approx(expected[figure], rel=1e-3), figure


def test_two_devices_share_each_batch(pictures: Path, start: str, alone: dict[str, float], tmp_path: Path) -> None:
    """Two virtual devices under tf.distribute learn what one learns."""
    run_apart(settings(pictures, tmp_path, "two", devices=2, start=start), virtual=2)
    same(last_row(tmp_path, "two"), alone)


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed; pip install jax runs this test")
def test_jax_trains_without_tensorflow(pictures: Path, start: str, alone: dict[str, float], tmp_path: Path) -> None:
    """With TensorFlow blocked and two virtual devices, JAX learns the same; TensorFlow reads its weights alike."""
    outputs = tmp_path / "jax.npy"
    run_apart(settings(pictures, tmp_path, "jax", devices=2, start=start), "jax", virtual=2, outputs=str(outputs))
    same(last_row(tmp_path, "jax"), alone)
    loaded = load_weights(tmp_path / "jax" / "best.safetensors").network
    lightness = np.linspace(0, 100, 32 * 64, dtype=np.float32).reshape(1, 32, 64, 1)
    again = keras.ops.convert_to_numpy(loaded.model(lightness, training=False))
    np.testing.assert_allclose(again, np.load(outputs), atol=1e-4)
