"""Where training runs: on one device, or on several that share each batch.

Data parallelism by the backends' own means: `tf.distribute` under TensorFlow, `keras.distribution`
under JAX. Every device has all values and a part of the batch.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from koalacli.errors import DeviceError
from koalacli.model.backend.machines import Machines, join_machines
from koalacli.model.backend.trace import choose_device, on_device


@dataclass(frozen=True)
class Placement:
    """Where a training runs.

    Attributes:
        name: for messages.
        replicas: parts that a batch is cut into.
        build: context in which the model is made.
        run: context in which it runs.
        step: (model, inputs, targets) -> loss: one step of training on arrays.
        machines: that share each batch; inputs and targets of a step are this machine's part.
    """

    name: str
    replicas: int
    build: Callable[[], AbstractContextManager[Any]]
    run: Callable[[], AbstractContextManager[Any]]
    step: Callable[[Any, Any, Any], float]
    machines: Machines = field(default_factory=Machines)


def place(device: str, devices: int) -> Placement:
    """Choose where to train.

    Args:
        device: auto, cpu, gpu or gpu:N, for one device.
        devices: how many devices share each batch; 0 for all there are. Several machines always give all.

    Raises:
        DeviceError: they are not there, or the backend cannot share batches.
    """
    backend = keras.backend.backend()
    machines = join_machines()
    if machines.strategy is not None:
        return _across_machines(machines)
    if machines.count > 1:
        return _data_parallel(0, machines)
    if devices == 1:
        chosen = choose_device(device)
        return Placement(chosen, 1, lambda: on_device(chosen), lambda: on_device(chosen), _step)
    if backend == "tensorflow":
        return _mirrored(devices)
    if backend == "jax":
        return _data_parallel(devices)
    raise DeviceError(f"several devices need TensorFlow or JAX, not {backend}; set KERAS_BACKEND, or --devices 1")


def _mirrored(devices: int) -> Placement:
    import tensorflow as tf

    present = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    names = _take([device.name for device in present], devices)
    strategy = tf.distribute.MirroredStrategy(names)
    return Placement(_describe(names), len(names), strategy.scope, nullcontext, _shared_step(strategy))


def _across_machines(machines: Machines) -> Placement:
    strategy = machines.strategy
    name = f"{machines.count} machines, {strategy.num_replicas_in_sync} devices"
    step = _shared_step(strategy, machines.count)
    return Placement(name, strategy.num_replicas_in_sync, strategy.scope, nullcontext, step, machines)


def _step(model: Any, inputs: Any, targets: Any) -> float:
    return float(model.train_on_batch(inputs, targets, return_dict=True)["loss"])


def _shared_step(strategy: Any, machines: int = 1) -> Callable[[Any, Any, Any], float]:
    """As `_step`; every replica gets its own part of the batch, where train_on_batch would give each the whole."""
    import tensorflow as tf

    here = strategy.num_replicas_in_sync // machines
    traced: list[Any] = []

    def split(array: Any) -> Any:
        if isinstance(array, list):
            return [split(part) for part in array]
        parts = np.split(array, here)
        return strategy.experimental_distribute_values_from_function(
            lambda context: keras.ops.convert_to_tensor(parts[context.replica_id_in_sync_group % here])
        )

    def trace(model: Any) -> Any:
        _share_statistics(model)

        def run(inputs: Any, targets: Any) -> Any:
            losses = strategy.run(lambda x, y: model.train_step((x, y))["loss"], args=(inputs, targets))
            return strategy.reduce("MEAN", losses, axis=None)

        return tf.function(run, autograph=False)

    def step(model: Any, inputs: Any, targets: Any) -> float:
        if not traced:
            traced.append(trace(model))
        model.reset_metrics()
        return float(traced[0](split(inputs), split(targets)))

    return step


def _share_statistics(model: Any) -> None:
    """Let BatchNorm see the whole batch, not one device's part; JAX does so by itself."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _share_statistics(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _data_parallel(devices: int, machines: Machines | None = None) -> Placement:
    names = _take(keras.distribution.list_devices(), devices)
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names, auto_shard_dataset=False))
    machines = machines or Machines()
    name = f"{machines.count} machines, {_describe(names)}" if machines.count > 1 else _describe(names)
    return Placement(name, len(names), nullcontext, nullcontext, _step, machines)


def _take(present: list[str], devices: int) -> list[str]:
    if devices > len(present):
        raise DeviceError(f"{devices} devices were asked for; there is {', '.join(present)}")
    return present[:devices] if devices else present


def _describe(names: list[str]) -> str:
    return f"{len(names)} x {names[0].strip('/').split(':')[-2].rsplit('/')[-1].lower()}" if names else "nothing"
