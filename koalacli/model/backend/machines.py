"""Several machines that train one network, by the backends' own means.

TensorFlow reads TF_CONFIG and joins gradients by `MultiWorkerMirroredStrategy`; JAX reads
KERAS_DISTRIBUTION_JOB_ADDRESSES, _NUM_PROCESSES and _PROCESS_ID and joins them by
`keras.distribution`. Machine 0 is the chief: it alone decides, validates and writes.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np

from koalacli.arrays import Array
from koalacli.errors import DeviceError

TF_CLUSTER, KERAS_CLUSTER = "TF_CONFIG", "KERAS_DISTRIBUTION_JOB_ADDRESSES"
OWN = {"tensorflow": TF_CLUSTER, "jax": KERAS_CLUSTER}


@dataclass(frozen=True)
class Machines:
    """The machines of a run.

    Attributes:
        rank: number of this one; 0 is the chief.
        count: how many there are.
        strategy: of TensorFlow, where it trains on several machines.
    """

    rank: int = 0
    count: int = 1
    strategy: Any = None

    def share(self, array: Array) -> Array:
        """The chief's array, float32, on every machine; all of them call it, with arrays of one shape."""
        if self.count == 1:
            return array
        if self.strategy is not None:
            return _share_by_tensorflow(self.strategy, array)
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.broadcast_one_to_all(array))


def join_machines() -> Machines:
    """Meet the other machines that the environment names; must come before anything else is computed.

    Raises:
        DeviceError: they cannot be met, or the backend cannot train with them.
    """
    backend = keras.backend.backend()
    named = [name for name in (TF_CLUSTER, KERAS_CLUSTER) if os.environ.get(name)]
    if not named:
        return Machines()
    if OWN.get(backend) not in named:
        way = f"{OWN[backend]} does" if backend in OWN else "it trains on one; TensorFlow and JAX train on several"
        raise DeviceError(f"{named[0]} names machines, but not for {backend}: {way}; or unset it")
    try:
        return _join_by_tensorflow(os.environ[TF_CLUSTER]) if backend == "tensorflow" else _join_by_jax()
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeviceError(f"{OWN[backend]}: the machines cannot be joined ({cause})") from error


def is_machine_lost(error: BaseException) -> bool:
    """Whether an error of any backend means that another machine is gone."""
    lost = ("UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError")
    words = ("Gloo", "Connection closed by peer", "Connection reset by peer", "coordination service", "heartbeat")
    return type(error).__name__ in lost or any(word in str(error) for word in words)


@cache  # a process can join only once
def _join_by_tensorflow(described: str) -> Machines:
    import tensorflow as tf

    settings = json.loads(described)
    cluster, task = settings["cluster"], settings["task"]
    chiefs, workers = len(cluster.get("chief", [])), len(cluster.get("worker", []))
    if chiefs + workers < 2:
        return Machines()
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    rank = int(task["index"]) + (chiefs if task["type"] == "worker" else 0)
    return Machines(rank, chiefs + workers, strategy)


@cache
def _join_by_jax() -> Machines:
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_recoverability", True)  # else JAX kills this process when another one dies
    keras.distribution.initialize()
    return Machines(jax.process_index(), jax.process_count())


def _share_by_tensorflow(strategy: Any, array: Array) -> Array:
    import tensorflow as tf

    def value(context: Any) -> Any:
        return tf.constant(array if context.replica_id_in_sync_group == 0 else np.zeros_like(array))

    parts = strategy.experimental_distribute_values_from_function(value)
    return np.asarray(strategy.reduce("SUM", parts, axis=None))
