"""Iizuka, Simo-Serra, Ishikawa 2016: a branch for places and one for the whole picture, on shared low layers.

Sources: the authors' inference code, and three re-implementations that agree on the layers; the training code was never
published. What is different here stands in docs/family.md.

    lightness ─ low (shared) ─ middle ──────────────┬─ concatenate ─ (fusion 1x1) ─ decoder
        └─ at 224 x 224 ─ low (shared) ─ global ────┘
"""

import keras
from keras import layers, ops

from koalacli.arrays import Tensor
from koalacli.model.layers import RepeatOverCells, convolve_normalized, normalized_block, widen
from koalacli.presets import NetworkConfig

GLOBAL_SIDE = 224  # pixels of the square, stretched, that the global branch looks at
# Filters, stride; all 3x3.
LOW = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1))
MIDDLE = ((512, 1), (256, 1))
GLOBAL = ((512, 2), (512, 1), (512, 2), (512, 1))
GLOBAL_DENSE = (1024, 512, 256)
DECODER: tuple[int | str, ...] = (128, "up", 64, 64, "up", 32)
WHOLE_PICTURE = "global_dense_2_relu"  # the vector of 512, on which the class head stands


@keras.saving.register_keras_serializable("koala")
class Stretch(layers.Layer):
    """Resize to a square of `size` pixels, whatever the sides were."""

    def __init__(self, size: int, **kwargs: object):
        super().__init__(**kwargs)
        self.size = size

    def call(self, x: Tensor) -> Tensor:
        return ops.image.resize(x, (self.size, self.size), interpolation="bilinear", antialias=True)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.size, self.size, shape[-1])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "size": self.size}


def encode_iizuka(x: Tensor, config: NetworkConfig, folded: bool) -> dict[int, Tensor]:
    """Both branches down to stride 8, side by side: (B, H/8, W/8, 256 + 256)."""
    low = [
        layer
        for number, (filters, stride) in enumerate(LOW, 1)
        for layer in normalized_block(widen(filters, config.width), f"low_{number}", 3, stride, "relu", folded)
    ]
    whole = Stretch(GLOBAL_SIDE, name="whole_picture", dtype="float32")(x)  # (B, 224, 224, 1)
    for layer in low:  # the same layers for both
        x, whole = layer(x), layer(whole)
    for number, (filters, stride) in enumerate(MIDDLE, 1):
        x = _block(x, filters, f"middle_{number}", config, folded, kernel=3, stride=stride)  # (B, H/8, W/8, 256)
    for number, (filters, stride) in enumerate(GLOBAL, 1):
        whole = _block(whole, filters, f"global_{number}", config, folded, kernel=3, stride=stride)  # (B, 7, 7, 512)
    whole = layers.Reshape((1, 1, -1), name="global_flat")(whole)  # (B, 1, 1, 25088)
    for number, filters in enumerate(GLOBAL_DENSE, 1):
        whole = _block(whole, filters, f"global_dense_{number}", config, folded)  # (B, 1, 1, 256)
    repeated = RepeatOverCells(name="global_repeated")(layers.Flatten(name="global_vector")(whole), x)
    return {8: layers.Concatenate(name="both_branches")([x, repeated])}


def decode_iizuka(x: Tensor, features: dict[int, Tensor], config: NetworkConfig, folded: bool) -> Tensor:
    """The 2017 network took its decoder from here; this one has BatchNorm. (B, H/2, W/2, 32)."""
    for number, step in enumerate(DECODER, 1):
        if step == "up":
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"decoder_{number}_up")(x)
        else:
            x = _block(x, int(step), f"decoder_{number}", config, folded, kernel=3)
    return x


def name_whole_picture(summary: Tensor, classes: int, config: NetworkConfig) -> Tensor:
    """The class head: logits (B, classes) from what the global branch knows, (B, 1, 1, C)."""
    x = _block(summary, 256, "class_dense", config, folded=False)
    return layers.Dense(classes, name="class_logits", dtype="float32")(layers.Flatten(name="class_vector")(x))


def _block(
    x: Tensor, filters: int, name: str, config: NetworkConfig, folded: bool, *, kernel: int = 1, stride: int = 1
) -> Tensor:
    filters = widen(filters, config.width)
    return convolve_normalized(x, filters, name, kernel=kernel, stride=stride, activation="relu", folded=folded)
