"""EXTRACTORS: where the global embedding comes from.

External extractors are ImageNet networks of `keras.applications`: frozen, in inference mode,
fed with gamma-encoded gray in [-1, 1] at their own size, as they were trained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from koalacli.errors import WeightsError
from koalacli.model.layers import GrayInput

CUTS = ("logits", "softmax", "pooled")


@dataclass(frozen=True)
class Extractor:
    """One source of embeddings.

    Attributes:
        build_model: cut -> model from lightness (B, H, W, 1), L* 0..100, to embedding (B, E), with
            random values; None where there is nothing external.
        embedding_size: width of the embedding by cut.
        weights_file: name of the Keras file with ImageNet values, for messages.
        help: one line for documentation.
        application: the network's maker in `keras.applications`.
    """

    build_model: Callable[[str], Any] | None
    embedding_size: dict[str, int]
    weights_file: str
    help: str
    application: Callable[..., Any] | None = None


def _application(build: Callable[..., Any], input_size: int) -> Callable[[str], Any]:
    def build_model(cut: str) -> Any:
        lightness = layers.Input((None, None, 1), name="extractor_lightness")
        shape = (input_size, input_size, 3)
        if cut == "pooled":
            network = build(include_top=False, weights=None, input_shape=shape, pooling="avg")
        else:
            activation = "softmax" if cut == "softmax" else None
            network = build(include_top=True, weights=None, input_shape=shape, classifier_activation=activation)
        network.trainable = False
        embedding = network(GrayInput(input_size, name="gray_input", dtype="float32")(lightness), training=False)
        return keras.Model(lightness, embedding, name="extractor")

    return build_model


def _classifier_sizes(pooled: int) -> dict[str, int]:
    return {"logits": 1000, "softmax": 1000, "pooled": pooled}


EXTRACTORS: dict[str, Extractor] = {
    "trunk": Extractor(None, {"pooled": 256}, "", "the encoder's own deepest features, pooled"),
    "none": Extractor(None, {}, "", "no embedding: the ablation"),
    "inception-resnet-v2": Extractor(
        _application(keras.applications.InceptionResNetV2, 299),
        _classifier_sizes(1536),
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
        "Inception-ResNet-v2, 299 px, as in 2017",
        keras.applications.InceptionResNetV2,
    ),
    "xception": Extractor(
        _application(keras.applications.Xception, 299),
        _classifier_sizes(2048),
        "xception_weights_tf_dim_ordering_tf_kernels.h5",
        "Xception, 299 px",
        keras.applications.Xception,
    ),
}


# --- values --------------------------------------------------------------------------------

IMAGENET, SHIPPED, RANDOM = "imagenet", "shipped", "random"
DOWNLOAD = "https://storage.googleapis.com/tensorflow/keras-applications/"


def fill_extractor(extractor: Any, name: str, cut: str, source: str) -> None:
    """Give an external extractor its values.

    Args:
        extractor: as `Extractor.build_model` made it.
        name, cut: what it is.
        source: imagenet (Keras fetches the file and keeps it), random, or a file of Keras.

    Raises:
        WeightsError: the values cannot be had; names the file and where it comes from.
    """
    network = next(layer for layer in extractor.layers if isinstance(layer, keras.Model))
    if source == RANDOM:
        return
    if source == IMAGENET:
        network.set_weights(_download(name, cut))
        return
    if not Path(source).is_file():
        raise WeightsError(f"{source}: no such extractor weights; {_where(name, cut)}")
    try:
        network.load_weights(source)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{source}: does not fit {name}, cut {cut} ({error}); {_where(name, cut)}") from error


def _download(name: str, cut: str) -> list[Any]:
    top = cut != "pooled"
    try:
        return EXTRACTORS[name].application(include_top=top, weights="imagenet").get_weights()  # type: ignore[misc]
    except Exception as error:  # Keras raises a bare Exception where its download fails
        raise WeightsError(f"{name}: ImageNet weights cannot be fetched ({error}); {_where(name, cut)}") from error


def _where(name: str, cut: str) -> str:
    file = weights_file(name, cut)
    folder = {"inception-resnet-v2": "inception_resnet_v2", "xception": "xception"}[name]
    return f"give --extractor-weights {file}, from {DOWNLOAD}{folder}/{file}, or --extractor-weights random"


def weights_file(name: str, cut: str) -> str:
    """Name of the Keras file that fits an extractor and a cut."""
    file = EXTRACTORS[name].weights_file
    return file.replace("kernels", "kernels_notop") if cut == "pooled" else file


TRUNK_PREFIXES = ("conv1", "conv_dw_", "conv_pw_")  # layers of the pretrained encoder


def fill_trunk(core: Any, source: str, shipped: Callable[[], Any]) -> None:
    """Give the trunk inside a network its values; layers that the source lacks stay as they are.

    Args:
        core: the network's trained part.
        source: shipped, imagenet, random, a Keras file of MobileNet v1, or a NumPy archive with its names.
        shipped: loads a network whose trunk is taken for `shipped`.

    Raises:
        WeightsError: the values cannot be had, or do not fit.
    """
    if source == RANDOM:
        return
    if source.endswith(".npz"):
        arrays = _read_archive(source)
    else:
        donor = shipped() if source == SHIPPED else _mobilenet(source)
        arrays = {
            f"{layer.name}/{variable.name}": variable.numpy() for layer in donor.layers for variable in layer.weights
        }
    found = 0
    for layer in core.layers:
        for variable in layer.weights if layer.name.startswith(TRUNK_PREFIXES) else ():
            array = arrays.get(f"{layer.name}/{variable.name}")
            if array is not None and tuple(array.shape) == tuple(variable.shape):
                variable.assign(array.astype("float32"))
                found += 1
    if not found:
        raise WeightsError(f"{source}: holds no values of this trunk; MobileNet v1, width 1.0, fits")


def _mobilenet(source: str) -> Any:
    file = "mobilenet_1_0_224_tf_no_top.h5"
    hint = f"give --extractor-weights {file}, from {DOWNLOAD}mobilenet/{file}, or shipped, or random"
    if source != IMAGENET and not Path(source).is_file():
        raise WeightsError(f"{source}: no such trunk weights; {hint}")
    try:
        return keras.applications.MobileNet(include_top=False, weights=source, input_shape=(224, 224, 3))
    except Exception as error:  # Keras raises a bare Exception where its download fails
        raise WeightsError(f"MobileNet v1: values of {source} cannot be had ({error}); {hint}") from error


def _read_archive(source: str) -> dict[str, Any]:
    try:
        with np.load(source) as archive:
            return {name.replace("/depthwise_kernel", "/kernel"): archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise WeightsError(f"{source}: not a readable NumPy archive ({error})") from error
