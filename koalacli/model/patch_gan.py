"""Wallner's GAN of 2017: a generator and three discriminators of spectrally normalized convolutions, with attention.

Source: E. Wallner, Coloring greyscale images, GAN version. What is different here stands in docs/family.md. The
generator is an encoder and a decoder as others; the discriminators exist in training alone, see
`pipelines.train.adversarial`.
"""

import keras
from keras import layers, ops

from koalacli.arrays import Tensor
from koalacli.model.layers import convolve, widen
from koalacli.presets import NetworkConfig

Shape = tuple[int | None, ...]
DOWN = (128, 256, 512, 512, 512, 512)  # filters; each halves the sides
UP = ((32, 512), (16, 512), (8, 512), (4, 256), (2, 128))  # stride that it leads to, filters
ATTENTION_STRIDE = 4
LEAK = 0.2
# Filters and stride of a discriminator; a last layer of one filter follows.
DISCRIMINATOR = ((64, 2), (128, 2), (256, 2), (512, 1))
# Halvings of what each discriminator sees, and the layer that attention stands behind.
DISCRIMINATORS = {"full": (0, 2), "medium": (1, 1), "low": (2, 1)}


@keras.saving.register_keras_serializable("koala")
class SpectralConv2D(layers.Conv2D):
    """Convolution whose kernel is divided by its largest singular value (Miyato et al. 2018).

    One power iteration per call, from where the last one of the training has ended.
    """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.direction = self.add_weight(shape=(1, self.filters), initializer=start, trainable=False, name="direction")

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        matrix = ops.reshape(self.kernel, (-1, self.filters))
        still = ops.stop_gradient(matrix)
        before = _unit(ops.matmul(self.direction, ops.transpose(still)))
        direction = _unit(ops.matmul(before, still))
        if training and self.trainable:
            self.direction.assign(direction)
        norm = ops.sum(ops.matmul(before, matrix) * direction)
        outputs = ops.conv(x, self.kernel / norm, strides=self.strides, padding=self.padding)
        return self.activation(outputs + self.bias)


def _unit(x: Tensor) -> Tensor:
    return x / (ops.norm(x) + 1e-12)


@keras.saving.register_keras_serializable("koala")
class Attend(layers.Layer):
    """x plus a learned share of what attention gathers over the whole picture (Zhang et al. 2019)."""

    def build(self, x_shape: Shape, query_shape: Shape, key_shape: Shape, value_shape: Shape) -> None:
        self.share = self.add_weight(shape=(1,), initializer="zeros", name="share")

    def call(self, x: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        batch, height, width, filters = ops.shape(value)
        flat = [ops.reshape(part, (batch, height * width, part.shape[-1])) for part in (query, key, value)]
        alike = ops.softmax(ops.matmul(flat[0], ops.transpose(flat[1], (0, 2, 1))), axis=-1)
        gathered = ops.reshape(ops.matmul(alike, flat[2]), (batch, height, width, filters))
        return x + self.share * gathered

    def compute_output_shape(self, x_shape: Shape, query_shape: Shape, key_shape: Shape, value_shape: Shape) -> Shape:
        return x_shape


@keras.saving.register_keras_serializable("koala")
class DoubleTo(layers.Layer):
    """Nearest-neighbor doubling, cut to the sides of another tensor: halving rounds up where a side is odd."""

    def call(self, x: Tensor, other: Tensor) -> Tensor:
        doubled = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
        return doubled[:, : ops.shape(other)[1], : ops.shape(other)[2]]

    def compute_output_shape(self, x_shape: Shape, other_shape: Shape) -> Shape:
        return (*other_shape[:3], x_shape[-1])


def encode_patch_gan(x: Tensor, config: NetworkConfig) -> dict[int, Tensor]:
    """Six halvings; what each leaves, by stride."""
    features: dict[int, Tensor] = {}
    for number, filters in enumerate(DOWN, 1):
        x = _leak(spectral(x, widen(filters, config.width), f"down_{number}", stride=2), f"down_{number}_leak")
        features[2**number] = x
    return features  # channels 128 at 2, 256 at 4, 512 at 8 to 64


def decode_patch_gan(x: Tensor, features: dict[int, Tensor], config: NetworkConfig) -> Tensor:
    """Five times double, mix, join the encoder's tap, with attention at stride 4; a last doubling. (B, H, W, 256)."""
    for stride, filters in UP:
        x = DoubleTo(name=f"up_{stride}_double")(x, features[stride])
        x = spectral(x, widen(filters, config.width), f"up_{stride}", activation="relu")
        x = layers.Concatenate(name=f"up_{stride}_join")([x, features[stride]])
        if stride == ATTENTION_STRIDE:
            x = attend(x, "attention")
    return layers.UpSampling2D(2, interpolation="nearest", name="up_1_double")(x)


def build_discriminator(name: str, config: NetworkConfig) -> keras.Model:
    """A discriminator of DISCRIMINATORS: lab (B, h, w, 3) -> patches (B, h', w', 1) and the four layers before.

    L is 0..1 and ab as the network makes it; layers are given before their activation.
    """
    halvings, attended = DISCRIMINATORS[name]
    lab = x = layers.Input((None, None, 3), name=f"{name}_lab")
    for number in range(halvings):
        x = layers.AveragePooling2D(2, padding="same", name=f"{name}_half_{number + 1}")(x)
    features = []
    for number, (filters, stride) in enumerate(DISCRIMINATOR, 1):
        features.append(spectral(x, widen(filters, config.width), f"{name}_{number}", stride=stride))
        x = _leak(features[-1], f"{name}_{number}_leak")
        if number == attended:
            x = attend(x, f"{name}_attention")
    return keras.Model(lab, [spectral(x, 1, f"{name}_patches"), *features], name=f"discriminator_{name}")


def spectral(
    x: Tensor, filters: int, name: str, *, kernel: int = 4, stride: int = 1, activation: str | None = None
) -> Tensor:
    """Spectrally normalized convolution with bias, same padding."""
    return SpectralConv2D(filters, kernel, strides=stride, padding="same", activation=activation, name=name)(x)


def attend(x: Tensor, name: str) -> Tensor:
    """Attention over all places, with an eighth of the channels to compare by."""
    filters = x.shape[-1]
    query, key = (convolve(x, max(1, filters // 8), f"{name}_{part}", kernel=1, activation=None) for part in "fg")
    value = convolve(x, filters, f"{name}_h", kernel=1, activation=None)
    return Attend(name=name)(x, query, key, value)


def _leak(x: Tensor, name: str) -> Tensor:
    return layers.LeakyReLU(negative_slope=LEAK, name=name)(x)
