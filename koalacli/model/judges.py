"""Networks that judge: for FID and LPIPS, from files that the user points at. Nothing is downloaded."""

from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.errors import WeightsError

INCEPTION_SIDE = 299
LPIPS_SHIFT, LPIPS_SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of its input in -1..1
# AlexNet's convolutions by their name in LPIPS files: kernel stride, padding, pooling before.
LPIPS_LAYERS = {
    "net.slice1.0": (4, 2, False),
    "net.slice2.3": (1, 2, True),
    "net.slice3.6": (1, 1, True),
    "net.slice4.8": (1, 1, False),
    "net.slice5.10": (1, 1, False),
}
LPIPS_LEAST_SIDE = 64  # pixels; smaller pictures vanish on the way


class InceptionFeatures:
    """Pooled features of Keras' InceptionV3, 2048 numbers per picture.

    Args:
        path: weights of `keras.applications.InceptionV3(include_top=False)`, .h5 or .weights.h5.

    Raises:
        WeightsError: the file is not there, or fits another network.
    """

    def __init__(self, path: str | Path):
        shape = (INCEPTION_SIDE, INCEPTION_SIDE, 3)
        self._network: Any = keras.applications.InceptionV3(
            include_top=False, weights=None, input_shape=shape, pooling="avg"
        )
        try:
            self._network.load_weights(str(path))
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{path}: not weights of Keras' InceptionV3 without top ({reason})") from error

    def __call__(self, pictures: list[Rgb8]) -> NDArray[np.float64]:
        """Features (N, 2048) of pictures of any sizes, each stretched to 299x299, bilinear."""
        size = (INCEPTION_SIDE, INCEPTION_SIDE)
        batch = np.stack([cv2.resize(rgb8, size, interpolation=cv2.INTER_LINEAR) for rgb8 in pictures])
        scaled = batch.astype(np.float32) / np.float32(127.5) - np.float32(1)
        return np.asarray(ops.convert_to_numpy(self._network(scaled, training=False)), np.float64)


class Lpips:
    """Learned perceptual distance, version 0.1, AlexNet: Zhang et al. 2018.

    Args:
        path: .safetensors file with the state of `lpips.LPIPS(net="alex")`, under its own names.

    Raises:
        WeightsError: the file is not there, or tensors are missing.
    """

    def __init__(self, path: str | Path):
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            state = load_file(str(path))
            self._layers = [
                (state[f"{name}.weight"].transpose(2, 3, 1, 0), state[f"{name}.bias"], *plan)
                for name, plan in LPIPS_LAYERS.items()
            ]
            self._weights = [state[f"lin{number}.model.1.weight"].ravel() for number in range(len(LPIPS_LAYERS))]
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise WeightsError(f"{path}: not the state of LPIPS with AlexNet ({error})") from error

    def __call__(self, reference: Rgb8, predictions: list[Rgb8]) -> list[float]:
        """Distance of each prediction from the reference, all (H, W, 3); NaN under 64 pixels a side."""
        if min(reference.shape[:2]) < LPIPS_LEAST_SIDE:
            return [float("nan")] * len(predictions)
        total = np.zeros(len(predictions))
        for features, weights in zip(self._features([reference, *predictions]), self._weights, strict=True):
            unit = features / (np.sqrt(np.square(features).sum(-1, keepdims=True)) + np.float32(1e-10))
            total += (np.square(unit[1:] - unit[:1]) @ weights).mean((1, 2), dtype=np.float64)
        return [float(value) for value in total]

    def _features(self, pictures: list[Rgb8]) -> list[Array]:
        """Outputs of the five layers, each float32 (N, h, w, C)."""
        signed = np.stack(pictures).astype(np.float32) / np.float32(127.5) - np.float32(1)
        x: Any = (signed - np.array(LPIPS_SHIFT, np.float32)) / np.array(LPIPS_SCALE, np.float32)
        found = []
        for kernel, bias, stride, padding, pooled in self._layers:
            if pooled:
                x = ops.max_pool(x, 3, strides=2, padding="valid")
            x = ops.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
            x = ops.relu(ops.conv(x, kernel, strides=stride, padding="valid") + bias)
            found.append(np.asarray(ops.convert_to_numpy(x), np.float32))
        return found
