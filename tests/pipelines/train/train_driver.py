"""Trainings in a process of their own, for tests: backend and devices are chosen once, before anything else.

    KERAS_BACKEND=jax python train_driver.py '{"configs": [{"data": ["pictures"], ...}], "virtual": 2, "outputs": ""}'

The network koala has few layers with few filters. Where another backend trains, TensorFlow is
blocked. `configs` are trained one after another; `virtual` splits the processor into so many
devices; `outputs` is a file for what the last weights make of a gray ramp.
"""

import json
import os
import sys
from typing import Any

import numpy as np


def main(task: dict[str, Any]) -> int:
    """Do the task; returns the exit code that the command line would have ended with."""
    choose_devices(task)
    from koalacli.cli.app import exit_code
    from koalacli.errors import KoalaError

    shrink_network()
    try:
        weights = train_all(task["configs"])
    except KoalaError as error:
        print(f"koala: {error}", file=sys.stderr)
        return exit_code(error)
    if task.get("outputs"):
        write_outputs(weights, task["outputs"])
    return 0


def choose_devices(task: dict[str, Any]) -> None:
    """Hide TensorFlow where it does not train; split the processor where it does. JAX splits it by XLA_FLAGS."""
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        sys.modules["tensorflow"] = None  # type: ignore[assignment]  # as where it is not installed
    elif task.get("virtual"):
        import tensorflow as tf

        processor = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * task["virtual"]
        tf.config.set_logical_device_configuration(processor, parts)


def shrink_network() -> None:
    """Few layers, few filters."""
    from koalacli.model import network

    network.MOBILENET_BLOCKS = ((8, 2), (8, 2), (8, 2), (8, 2))
    network.MOBILENET_TAPS = {1: 4, 2: 8, 3: 16, 4: 32}
    network.U_SHAPED_STAGES = ((16, 8), (8, 8), (4, 8))


def train_all(configs: list[dict[str, Any]]) -> str:
    """Train and print events; returns the file of the last weights."""
    from koalacli.pipelines.train.events import as_event
    from koalacli.pipelines.train.loop import train
    from koalacli.train_config import TrainConfig

    event: dict[str, Any] = {}
    for config in configs:
        for told in train(TrainConfig(**config)):
            event = as_event(told)
            print(json.dumps(event), flush=True)
    return str(event["weights"])


def write_outputs(weights: str, file: str) -> None:
    """What weights make of a gray ramp."""
    from keras import ops

    from koalacli.model.weights import load_weights

    ramp = np.linspace(0, 100, 64 * 64, dtype=np.float32).reshape(1, 64, 64, 1)
    np.save(file, ops.convert_to_numpy(load_weights(weights).network.model(ramp, training=False)))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
