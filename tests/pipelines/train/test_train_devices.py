"""The same training on other backends, and on several devices."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from koalacli.color.bins import gamut_bins
from koalacli.model import network
from koalacli.model.recipes import complete, network_config
from koalacli.model.weights import encode_weights, load_weights
from koalacli.pipelines.train.folder import RunFolder
from koalacli.pipelines.train.loop import train
from koalacli.settings import ReadOut
from koalacli.train_config import TrainConfig

DRIVER = Path(__file__).with_name("train_driver.py")
ROOT = Path(__file__).resolve().parents[3]


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
    """The network koala with few layers and few filters, as in the driver."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "MOBILENET_BLOCKS", ((8, 2), (8, 2), (8, 2), (8, 2)))
        patch.setattr(network, "MOBILENET_TAPS", {1: 4, 2: 8, 3: 16, 4: 32})
        patch.setattr(network, "U_SHAPED_STAGES", ((16, 8), (8, 8), (4, 8)))
        yield


def settings(pictures: Path, runs: Path, name: str, **changes: Any) -> dict[str, Any]:
    """Three steps of a small network with everything on: BatchNorm, clipping, decay, averages, film."""
    return {
        **{"data": [str(pictures)], "val_data": [str(pictures)], "preset": "koala", "extractor_weights": "random"},
        **{"image_size": 64, "batch_size": 4, "steps": 3, "runs": str(runs), "name": name, "workers": 1, "ema": 0.9},
        **{"clip": 0.5, "schedule": "constant", "trunk_warmup": 2},
        **changes,
    }


@pytest.fixture(scope="module")
def start(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights that all runs start from: backends draw different random values."""
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    config, bins = complete(TrainConfig(**settings(pictures, path.parent, "start"))), gamut_bins()
    tables = {"gamut_bins": bins, "bin_prior": np.full(len(bins), 1 / len(bins), np.float32)}
    keras.utils.set_random_seed(0)
    path.write_bytes(encode_weights(network.build_network(network_config(config, len(bins)), tables), ReadOut(), {})[0])
    return str(path)


@pytest.fixture(scope="module")
def alone(pictures: Path, start: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Figures of the run on one device under TensorFlow."""
    runs = tmp_path_factory.mktemp("alone")
    list(train(TrainConfig(**settings(pictures, runs, "alone", start=start))))
    return last_row(runs, "alone")


def last_row(runs: Path, name: str) -> dict[str, float]:
    """Figures of a run's last check."""
    return RunFolder(runs / name).read_history()[-1]


def environment(backend: str, virtual: int = 1) -> dict[str, str]:
    """Variables that choose a backend and how many devices the processor is, and let it start soon."""
    flags = f"--xla_force_host_platform_device_count={virtual or 1} --xla_backend_optimization_level=0"
    return {
        **{"KERAS_BACKEND": backend, "XLA_FLAGS": flags},
        **{"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    }


def run_apart(*configs: dict[str, Any], backend: str = "tensorflow", virtual: int = 0, outputs: str = "") -> None:
    """Trainings in a process of their own, to their end."""
    task = {"virtual": virtual, "outputs": outputs, "configs": configs}
    done = subprocess.run(
        [sys.executable, DRIVER, json.dumps(task)],
        env={**os.environ, **environment(backend, virtual)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def same(row: dict[str, float], expected: dict[str, float]) -> None:
    """Loss and error agree."""
    for figure in ("loss", "val_loss", "ab_error"):
        assert row[figure] == pytest.approx(expected[figure], rel=1e-4), figure


def test_two_devices_share_each_batch(pictures: Path, start: str, alone: dict[str, float], tmp_path: Path) -> None:
    """Two virtual devices under tf.distribute learn what one learns: statistics and clipping are the batch's."""
    run_apart(settings(pictures, tmp_path, "two", devices=2, start=start), virtual=2)
    same(last_row(tmp_path, "two"), alone)


@pytest.mark.parametrize(("backend", "devices"), [("jax", 2), ("torch", 1)])
def test_other_backends_train_without_tensorflow(
    backend: str, devices: int, pictures: Path, start: str, alone: dict[str, float], tmp_path: Path
) -> None:
    """With TensorFlow blocked they learn the same, stopped and resumed; TensorFlow reads the weights alike."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; pip install {backend} runs this test")
    outputs = tmp_path / "outputs.npy"
    begin = settings(pictures, tmp_path, "run", devices=devices, start=start)
    go_on = {"runs": str(tmp_path), "name": "run", "resume": True, "steps": 3}
    run_apart({**begin, "steps": 2}, go_on, backend=backend, virtual=devices, outputs=str(outputs))
    same(last_row(tmp_path, "run"), alone)
    loaded = load_weights(tmp_path / "run" / "best.safetensors").network
    ramp = np.linspace(0, 100, 64 * 64, dtype=np.float32).reshape(1, 64, 64, 1)
    again = keras.ops.convert_to_numpy(loaded.model(ramp, training=False))
    np.testing.assert_allclose(again, np.load(outputs), atol=1e-4)


def start_machines(backend: str, configs: list[dict[str, Any]]) -> list[subprocess.Popen[str]]:
    """Two processes that train together over loopback."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        places = [f"127.0.0.1:{taken.getsockname()[1]}" for taken in (first, second)]
    processes = []
    for rank in range(2):
        cluster = {"cluster": {"worker": places}, "task": {"type": "worker", "index": rank}}
        own = {
            "tensorflow": {"TF_CONFIG": json.dumps(cluster)},
            "jax": {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": places[0],
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                "KERAS_DISTRIBUTION_PROCESS_ID": str(rank),
            },
        }
        processes.append(
            subprocess.Popen(
                [sys.executable, DRIVER, json.dumps({"configs": configs})],
                env={**os.environ, **environment(backend), **own[backend]},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_machines_learn_what_one_learns(
    backend: str, pictures: Path, start: str, alone: dict[str, float], tmp_path: Path
) -> None:
    """Two processes share each batch; the chief alone tells of checks and writes files.

    Under TensorFlow they also stop and go on; JAX does so in the test of one machine, and compiling it is slow.
    """
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; pip install {backend} runs this test")
    begin = settings(pictures, tmp_path, "run", start=start)
    go_on = {"runs": str(tmp_path), "name": "run", "resume": True, "steps": 3}
    configs = [{**begin, "steps": 2}, go_on] if backend == "tensorflow" else [begin]
    machines = start_machines(backend, configs)
    try:
        told = [machine.communicate(timeout=200) for machine in machines]
    finally:
        for machine in machines:
            machine.kill()
    chief, other = (machine.returncode for machine in machines)
    assert chief == 0, told[0][1][-2000:]
    # JAX aborts a machine that leaves a moment after the chief, on a busy computer: all is done and written by then.
    assert other == 0 or (backend == "jax" and other == -signal.SIGABRT), told[1][1][-2000:]
    same(last_row(tmp_path, "run"), alone)
    checks = [output.count('"event": "check"') for output, _ in told]
    assert checks == [3, 0]  # at the start, after an epoch, at the end


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_lost_machine_ends_the_run_and_leaves_its_checkpoint(
    backend: str, pictures: Path, start: str, tmp_path: Path
) -> None:
    """The chief says in one line what happened; what it had stored can be read."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; pip install {backend} runs this test")
    config = settings(pictures, tmp_path, "run", start=start, steps=100_000)
    chief, other = start_machines(backend, [config])
    folder = RunFolder(tmp_path / "run")
    try:
        end = time.monotonic() + 150
        while time.monotonic() < end and len(folder.read_history()) < 3:
            time.sleep(0.1)
        other.kill()
        _, errors = chief.communicate(timeout=80)
    finally:
        for machine in (chief, other):
            machine.kill()
            machine.communicate()
    assert chief.returncode == 1, errors[-2000:]
    # TensorFlow's thread pools may complain after it, while the interpreter ends.
    assert "koala: another machine of this run is gone" in errors, errors[-3000:]
    assert folder.read_checkpoint()[1].step >= 2
