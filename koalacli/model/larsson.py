"""Larsson, Maire, Shakhnarovich 2016: histograms of hue and chroma from the hypercolumns of a gray VGG-16.

Source: the authors' code and network descriptions. The original concatenates 16 layers at every place (12,417 values)
and mixes them by one 1x1 convolution. That is the same as mixing each at its own size, enlarging and adding, which is
two orders cheaper for the deep ones. What is different here stands in docs/family.md; for the head see `hue_chroma`.
"""

from keras import layers

from koalacli.arrays import Tensor
from koalacli.model.layers import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, DoubleSmoothly, convolve, widen
from koalacli.presets import NetworkConfig

VGG = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # filters, convolutions; a pooling by 2 ends each
FULLY_CONNECTED = (4096, 7), (4096, 1)  # filters, kernel
HYPERCOLUMN = 1024
STRIDE = 4  # at which hypercolumns are formed
DROPOUT = 0.5


def encode_vgg(x: Tensor, config: NetworkConfig) -> dict[int, Tensor]:
    """VGG-16 for one channel; all that hypercolumns are made of, side by side at each stride.

    Channels: 129 at 1 (the input first), 256 at 2, 768 at 4, 1536 at 8 and 16, 8192 at 32.
    """
    features: dict[int, Tensor] = {}
    taps, stride = [x], 1
    for block, (filters, count) in enumerate(VGG, 1):
        for number in range(1, count + 1):
            x = _convolve(x, filters, 3, f"conv{block}_{number}", config)
            taps.append(x)
        features[stride] = layers.Concatenate(name=f"taps_{stride}")(taps)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
        taps, stride = [], 2 * stride
    for number, (filters, kernel) in enumerate(FULLY_CONNECTED, 6):
        x = layers.Dropout(DROPOUT, name=f"fc{number}_dropout")(_convolve(x, filters, kernel, f"fc{number}", config))
        taps.append(x)
    features[stride] = layers.Concatenate(name=f"taps_{stride}")(taps)
    return features


def decode_hypercolumns(features: dict[int, Tensor], config: NetworkConfig) -> Tensor:
    """Project each stride's taps, enlarge, add: (B, H/4, W/4, 1024 + 1), the last plane being the input's mean."""
    filters = widen(HYPERCOLUMN, config.width)
    total: Tensor | None = None
    for stride in sorted(features, reverse=True):
        taps = features[stride]
        if stride < STRIDE:  # the mean goes first: it is the same, and there is less to project
            taps = layers.AveragePooling2D(STRIDE // stride, name=f"pool_taps_{stride}")(taps)
        # One bias serves all.
        projected = layers.Conv2D(filters, 1, use_bias=stride == 1, name=f"project_{stride}")(taps)
        total = projected if total is None else layers.Add(name=f"add_{stride}")([total, projected])
        if stride > STRIDE:
            total = DoubleSmoothly(name=f"enlarge_{stride}")(total)
    x = layers.Dropout(DROPOUT, name="hypercolumn_dropout")(layers.Activation("relu", name="hypercolumn")(total))
    # The head needs to know how light a place is, to turn hue and chroma into ab.
    gray = layers.AveragePooling2D(STRIDE, name="gray")(features[1][..., :1])
    return layers.Concatenate(name="hypercolumn_and_gray")([x, gray])


def _convolve(x: Tensor, filters: int, kernel: int, name: str, config: NetworkConfig) -> Tensor:
    """Convolution, BatchNorm without scale and shift, ReLU."""
    x = convolve(x, widen(filters, config.width), name, kernel=kernel, activation=None)
    options = {"momentum": BATCH_NORM_MOMENTUM, "epsilon": BATCH_NORM_EPSILON, "center": False, "scale": False}
    # The convolution has a bias of its own: it is not named to be folded.
    x = layers.BatchNormalization(**options, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)
