"""The same training on other backends, and on several devices."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

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


@pytest.fixture(scope="module")
def start(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that all runs start from: backends draw different random values."""
    runs = tmp_path_factory.mktemp("start")
    finish(begin(pictures, runs, "start", steps=1))
    return runs / "start" / "last.safetensors"


def begin(
    pictures: Path,
    runs: Path,
    name: str,
    backend: str = "tensorflow",
    virtual: int = 0,
    outputs: str = "",
    **settings: object,
) -> "subprocess.Popen[str]":
    """Start a training in a process of its own."""
    config = {
        **{"data": [str(pictures)], "val_data": [str(pictures)], "preset": "deep-koalarization", "extractor": "none"},
        **{"image_size": 32, "batch_size": 4, "steps": 3, "runs": str(runs), "name": name, "workers": 1, "ema": 0.9},
        **settings,
    }
    task = {"backend": backend, "virtual": virtual, "outputs": outputs, "config": config}
    flags = f"--xla_force_host_platform_device_count={virtual or 1}"
    variables = {"KERAS_BACKEND": backend, "XLA_FLAGS": flags, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(task)],
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> None:
    """Wait for a training to end well."""
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors[-3000:]


def last_row(runs: Path, name: str) -> dict[str, float]:
    """Figures of a run's last check."""
    return RunFolder(runs / name).read_history()[-1]


@pytest.fixture(scope="module")
def alone(pictures: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Figures of the run on one device under TensorFlow."""
    runs = tmp_path_factory.mktemp("alone")
    finish(begin(pictures, runs, "alone", start=str(start)))
    return last_row(runs, "alone")


def same(row: dict[str, float], expected: dict[str, float]) -> None:
    """Loss and error agree."""
    for figure in ("loss", "val_loss", "ab_error"):
        assert row[figure] == pytest.approx(expected[figure], rel=1e-3), figure


def test_two_devices_share_each_batch(pictures: Path, start: Path, alone: dict[str, float], tmp_path: Path) -> None:
    """Two virtual devices under tf.distribute learn what one learns."""
    finish(begin(pictures, tmp_path, "two", virtual=2, devices=2, start=str(start)))
    same(last_row(tmp_path, "two"), alone)


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed; pip install jax runs this test")
def test_jax_trains_without_tensorflow(pictures: Path, start: Path, alone: dict[str, float], tmp_path: Path) -> None:
    """With TensorFlow blocked and two virtual devices, JAX learns the same, and both read its weights alike."""
    finish(
        begin(
            pictures, tmp_path, "jax", "jax", virtual=2, devices=2, start=str(start), outputs=str(tmp_path / "jax.npy")
        )
    )
    same(last_row(tmp_path, "jax"), alone)
    weights = str(tmp_path / "jax" / "best.safetensors")
    finish(begin(pictures, tmp_path, "tf", start=weights, lr=1e-12, steps=1, outputs=str(tmp_path / "tf.npy")))
    np.testing.assert_allclose(np.load(tmp_path / "tf.npy"), np.load(tmp_path / "jax.npy"), atol=1e-4)
