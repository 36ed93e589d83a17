"""Layers that train faster than Keras' own: the same values, and the same steps."""

import keras
import numpy as np
import pytest
from keras import layers

from koalacli.model.layers import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNorm, PointwiseConv2D

PAIRS = {
    "pointwise": (
        lambda: PointwiseConv2D(5, 1, activation="relu"),
        lambda: layers.Conv2D(5, 1, activation="relu"),
    ),
    "batch norm": (
        lambda: BatchNorm(),
        lambda: layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON),
    ),
}


def trained(layer: keras.Layer) -> list[np.ndarray]:
    """All that three steps of a layer on random maps leave: losses, values, outputs at inference."""
    rng = np.random.default_rng(0)
    maps = rng.normal(3, 2, (4, 6, 7, 3)).astype(np.float32)
    network = keras.Sequential([layers.Input((None, None, 3)), layer])
    for variable in network.trainable_variables:
        variable.assign(rng.normal(1, 0.5, variable.shape))
    network.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    goal = rng.normal(0, 1, (4, 6, 7, layer.output.shape[-1])).astype(np.float32)
    losses = [np.asarray(network.train_on_batch(maps, goal)) for _ in range(3)]
    return [*losses, *(variable.numpy() for variable in network.variables), network.predict_on_batch(maps)]


@pytest.mark.parametrize("name", PAIRS)
def test_steps_are_those_of_keras_own_layer(name: str) -> None:
    """After three steps losses, weights, moving statistics and outputs agree."""
    ours, theirs = (trained(make()) for make in PAIRS[name])
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_layers_are_rebuilt_from_their_configuration(name: str) -> None:
    """Keras can clone a network that has them."""
    layer = PAIRS[name][0]()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
