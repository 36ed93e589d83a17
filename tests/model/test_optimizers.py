"""Every optimizer of the table goes downhill, as its source says."""

import keras
import pytest
from keras import ops

from koalacli.tables import OPTIMIZERS, load_part

RATE, SLOPE = 0.1, 2.0
# How long the first step is, by the formula; Adam brings any slope to the length of the rate.
FIRST = {
    "sgd": RATE * SLOPE,
    "momentum": RATE * SLOPE,
    "rmsprop": RATE / 0.1**0.5,  # the average of squares begins at 0 and takes a tenth of the first
    "adadelta": RATE * (1e-6 / (0.05 * SLOPE**2 + 1e-6)) ** 0.5 * SLOPE,  # likewise, a twentieth
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_go_downhill(name: str) -> None:
    """The first is as long as its formula says; on a constant slope momentum alone nearly doubles the second."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    layer.build((None, 1))
    optimizer = load_part(OPTIMIZERS[name].make)(RATE).prepare((), 1.0, 0, 0.0, 0.0)
    optimizer.build([layer.kernel])
    places = [0.0]
    for _ in range(2):
        optimizer.apply([ops.full((1, 1), SLOPE)])
        places.append(float(layer.kernel.numpy()[0, 0]))
    assert places[1] == pytest.approx(-FIRST.get(name, RATE), rel=1e-3)
    assert places[2] < places[1]
    assert (places[2] / places[1] == pytest.approx(2.9, rel=1e-3)) == (name == "momentum")
