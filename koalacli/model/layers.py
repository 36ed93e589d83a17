"""The few layers and blocks that all networks are made of."""

from typing import Any

import keras
from keras import layers, ops

from koalacli.arrays import Tensor
from koalacli.model.backend import trace as backend

BATCH_NORM_EPSILON = 1e-3
# Keras' 0.99 remembers the initial variance for hundreds of steps, and the error of every layer multiplies: a short
# training is perfect in training mode and gray at inference.
BATCH_NORM_MOMENTUM = 0.9


@keras.saving.register_keras_serializable("koala")
class ScaleLightness(layers.Layer):
    """L* 0..100 to network units: (L - center) / scale."""

    def __init__(self, center: float, scale: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.center = center
        self.scale = scale

    def call(self, lightness: Tensor) -> Tensor:
        return (lightness - self.center) / self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "center": self.center, "scale": self.scale}


@keras.saving.register_keras_serializable("koala")
class RepeatOverCells(layers.Layer):
    """Repeat an embedding (B, E) at every cell of features (B, h, w, C): (B, h, w, E)."""

    def call(self, embedding: Tensor, features: Tensor) -> Tensor:
        cells = ops.zeros_like(features[..., :1])
        return embedding[:, None, None, :] + cells

    def compute_output_shape(self, embedding_shape: Any, features_shape: Any) -> Any:
        return (*features_shape[:-1], embedding_shape[-1])


@keras.saving.register_keras_serializable("koala")
class GrayInput(layers.Layer):
    """L* (B, H, W, 1) to what ImageNet networks were fed: gamma-encoded gray, three times, at a fixed size.

    `limits` is what black and white become.

    The gray is computed from lightness inside the network, so that picture and embedding can
    never be of two different photographs.
    """

    def __init__(self, size: int, limits: tuple[float, float] = (-1.0, 1.0), **kwargs: Any):
        super().__init__(**kwargs)
        self.size, self.limits = size, limits

    def call(self, lightness: Tensor) -> Tensor:
        black, white = self.limits
        f = (lightness + 16.0) / 116.0
        linear = ops.where(f > 0.2068966, f * f * f, (f - 16.0 / 116.0) / 7.787)
        high = 1.055 * ops.power(ops.maximum(linear, 1e-8), 1.0 / 2.4) - 0.055
        gray = ops.where(linear > 0.0031308, high, linear * 12.92)
        gray = ops.image.resize(gray, (self.size, self.size), interpolation="bilinear", antialias=True)
        return ops.repeat(gray * (white - black) + black, 3, axis=-1)

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], self.size, self.size, 3)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "limits": self.limits}


@keras.saving.register_keras_serializable("koala")
class DoubleSmoothly(layers.Layer):
    """Bilinear doubling of height and width: nearest-neighbor doubling, then 1 2 1 along both.

    Keras' own UpSampling2D cannot do it where sides are known only when the network runs.
    """

    def call(self, x: Tensor) -> Tensor:
        for axis in (1, 2):
            x = ops.repeat(x, 2, axis=axis)
            low, high = (slice(None),) * axis + (slice(1),), (slice(None),) * axis + (slice(-1, None),)
            but_low, but_high = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(-1),)
            before = ops.concatenate([x[low], x[but_high]], axis=axis)
            behind = ops.concatenate([x[but_low], x[high]], axis=axis)
            x = (before + 2.0 * x + behind) / 4.0
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], *(None if side is None else 2 * side for side in shape[1:3]), shape[3])


@keras.saving.register_keras_serializable("koala")
class PointwiseConv2D(layers.Conv2D):
    """1x1 convolution that trains as one matrix product over all pixels.

    Its gradients are then matrix products, too; as a convolution they take TensorFlow longer
    on a processor. Inference stays a convolution, whose results do not depend on the batch.
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training:
            return super().call(inputs)
        pixels = ops.reshape(inputs, (-1, inputs.shape[-1]))
        outputs = ops.matmul(pixels, self.kernel[0, 0])
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(ops.reshape(outputs, (*ops.shape(inputs)[:-1], self.filters)))


@keras.saving.register_keras_serializable("koala")
class BatchNorm(layers.BatchNormalization):
    """BatchNormalization with koala's constants, by the backend's own kernel where it has one."""

    def __init__(self, momentum: float = BATCH_NORM_MOMENTUM, epsilon: float = BATCH_NORM_EPSILON, **kwargs: Any):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        # Statistics that several devices share are Keras' business, in plain operations.
        alone = training and self.trainable and not self.synchronized
        result = (
            backend.normalize_batch(ops.cast(inputs, "float32"), self.gamma, self.beta, self.epsilon) if alone else None
        )
        if result is None:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = result
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)


def convolve(
    x: Tensor,
    filters: int,
    name: str,
    *,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    activation: str | None = "relu",
) -> Tensor:
    """Plain convolution with bias, same padding: the building block of the 2017 family."""
    options: dict[str, Any] = {"strides": stride, "dilation_rate": dilation, "activation": activation}
    return layers.Conv2D(filters, kernel, padding="same", name=name, **options)(x)


def widen(filters: int, width: float) -> int:
    """Filters of a layer in a network that is `width` times as wide as its source."""
    return max(1, round(filters * width))


def convolve_normalized(
    x: Tensor,
    filters: int | None,
    name: str,
    *,
    kernel: int = 1,
    stride: int = 1,
    activation: str = "relu6",
    folded: bool = False,
) -> Tensor:
    """Convolution (depthwise if filters is None), BatchNorm `NAME_bn`, activation.

    Folded, the normalization is part of the kernel and a bias (see `fold.py`): same result,
    fewer passes over memory.
    """
    for layer in normalized_block(filters, name, kernel, stride, activation, folded):
        x = layer(x)
    return x


def normalized_block(
    filters: int | None, name: str, kernel: int, stride: int, activation: str, folded: bool
) -> list[layers.Layer]:
    """The layers of `convolve_normalized`, which more than one tensor may go through."""
    options: dict[str, Any] = {"strides": stride, "padding": "same", "use_bias": folded, "name": name}
    if filters is None:
        layer = layers.DepthwiseConv2D(kernel, **options)
    else:
        layer = (PointwiseConv2D if kernel == stride == 1 else layers.Conv2D)(filters, kernel, **options)
    normalization = [] if folded else [BatchNorm(name=f"{name}_bn")]
    return [layer, *normalization, layers.Activation(activation, name=f"{name}_{activation}")]
