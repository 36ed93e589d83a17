"""The one seam to the array library under Keras: tracing, devices, memory errors.

Nothing else in koala names TensorFlow, JAX or PyTorch at inference.
"""

from collections.abc import Callable
from typing import Any

import keras

from koalacli.errors import DeviceError


def list_devices() -> list[str]:
    """Devices of the current backend, as `cpu`, `gpu:0`, `gpu:1`, ..."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        count = len(tf.config.list_physical_devices("GPU"))
    elif backend == "jax":
        import jax

        count = len([device for device in jax.devices() if device.platform in ("gpu", "cuda", "rocm")])
    else:
        import torch

        count = torch.cuda.device_count()
    return ["cpu", *(f"gpu:{number}" for number in range(count))]


def choose_device(wish: str) -> str:
    """Turn auto, cpu, gpu or gpu:N into a device that is there, or raise DeviceError."""
    present = list_devices()
    if wish == "auto":
        device = present[-1] if len(present) == 1 else present[1]
    else:
        device = "gpu:0" if wish == "gpu" else wish
        if device not in present:
            raise DeviceError(f"device {wish} is not available; there is {', '.join(present)} (try --device auto)")
    if device != "cpu":
        _grow_memory_on_demand()
    return device


def on_device(device: str) -> Any:
    """Context in which Keras creates variables and runs on the device."""
    if keras.backend.backend() == "torch":  # to PyTorch cpu and cpu:0 are two devices
        return keras.device(device)
    return keras.device(device if ":" in device else f"{device}:0")


def compile_function(
    function: Callable[[Any], dict[str, Any]], shape: tuple[int | None, ...]
) -> Callable[[Any], dict[str, Any]]:
    """Trace a function of one float32 tensor to a dict of tensors; the result takes and returns NumPy arrays.

    `shape` has None for what differs between calls: under TensorFlow there is then one trace for all.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced = tf.function(function, input_signature=[tf.TensorSpec(shape, "float32")], autograph=False)
        return lambda array: _as_numpy(traced(tf.convert_to_tensor(array)))
    if backend == "jax":
        import jax

        jitted = jax.jit(function)
        return lambda array: _as_numpy(jitted(array))
    import torch

    def run(array: Any) -> Any:
        with torch.no_grad():
            return _as_numpy(function(keras.ops.convert_to_tensor(array)))

    return run


def _as_numpy(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: keras.ops.convert_to_numpy(tensor) for name, tensor in tensors.items()}


def normalize_batch(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any] | None:
    """BatchNorm in training mode by one kernel of the backend, or None where there is none.

    Args:
        x: float32 (B, H, W, C).

    Returns:
        Normalized x, and mean and variance (C,) of the batch. TensorFlow's kernel has a gradient of
        its own, which passes over memory less often than that of Keras' formula.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon, is_training=True)
    count = tf.cast(tf.size(x) // x.shape[-1], "float32")
    return outputs, mean, variance * (count - 1.0) / count  # the kernel's variance is the unbiased one


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any backend means that the batch did not fit."""
    name = type(error).__name__
    return (
        isinstance(error, MemoryError)
        or name in ("ResourceExhaustedError", "OutOfMemoryError")
        or (name == "XlaRuntimeError" and "RESOURCE_EXHAUSTED" in str(error))
    )


def _grow_memory_on_demand() -> None:
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # already initialized by whoever imported TensorFlow before us
            return


def compiles_steps() -> bool:
    """Whether a training step is compiled by XLA: always under JAX, for GPUs under TensorFlow, never under PyTorch."""
    backend = keras.backend.backend()
    return backend == "jax" or (backend == "tensorflow" and list_devices() != ["cpu"])


def prediction(model: Any) -> Callable[[Any], Any]:
    """A compiled forward pass in inference mode that sees the model's values as they change."""
    if keras.backend.backend() == "tensorflow":
        # Not predict_on_batch: that runs on every device of a strategy and joins their outputs.
        import tensorflow as tf

        return tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    if keras.backend.backend() == "jax":
        return _prediction_here(model)
    return lambda inputs: model.predict_on_batch(inputs)


def _prediction_here(model: Any) -> Callable[[Any], Any]:
    """With JAX, predict_on_batch would ask all devices of all machines; this asks the first one of this machine."""
    import jax

    forward = jax.jit(lambda trained, fixed, inputs: model.stateless_call(trained, fixed, inputs, training=False)[0])

    def here(variables: Any) -> list[Any]:
        return [variable.value.addressable_data(0) for variable in variables]

    return lambda inputs: forward(here(model.trainable_variables), here(model.non_trainable_variables), inputs)
