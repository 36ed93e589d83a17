"""How external extractors are built; EXTRACTORS in `tables` lists them.

They are ImageNet networks of `keras.applications`: frozen, in inference mode, fed with
gamma-encoded gray at their own size and in their own range, as they were trained.
"""

import keras
from keras import layers

from koalacli.arrays import Tensor
from koalacli.model.layers import GrayInput
from koalacli.tables import Application, Extractor, load_part


def build_application(row: Extractor, cut: str) -> keras.Model:
    """An extractor with random values: lightness (B, H, W, 1), L* 0..100, to embedding (B, E)."""
    lightness = layers.Input((None, None, 1), name="extractor_lightness")
    network = _application(row.application, row.input_size, cut)
    network.trainable = False
    gray = GrayInput(row.input_size, row.input_range, name="gray_input", dtype="float32")(lightness)
    embedding: Tensor = network(gray, training=False)
    return keras.Model(lightness, embedding, name="extractor")


def _application(application: Application | None, size: int, cut: str) -> keras.Model:
    if application is None:
        raise ValueError("an extractor of keras.applications names its application")
    make, shape = load_part(application.maker), (size, size, 3)
    if cut == "pooled":
        return make(include_top=False, weights=None, input_shape=shape, pooling="avg")
    activation = "softmax" if cut == "softmax" else None
    return make(include_top=True, weights=None, input_shape=shape, classifier_activation=activation)
