"""EXTRACTORS: where the global embedding comes from.

External extractors are ImageNet networks of `keras.applications`: frozen, in inference mode,
fed with gamma-encoded gray in [-1, 1] at their own size, as they were trained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

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
    """

    build_model: Callable[[str], Any] | None
    embedding_size: dict[str, int]
    weights_file: str
    help: str


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
        embedding = network(GrayInput(input_size, name="gray_input")(lightness), training=False)
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
    ),
    "xception": Extractor(
        _application(keras.applications.Xception, 299),
        _classifier_sizes(2048),
        "xception_weights_tf_dim_ordering_tf_kernels.h5",
        "Xception, 299 px",
    ),
}
