"""The family on two backends: the same weights give the same outputs; and parts that do not go together are refused."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from koalacli.color.bins import gamut_bins
from koalacli.errors import UsageError
from koalacli.model.layers import DoubleSmoothly
from koalacli.model.losses import LossSettings, build_mse_each
from koalacli.model.network import Network, build_network, with_features
from koalacli.model.read_outs import Made, reading_of
from koalacli.model.recipes import complete
from koalacli.model.weights import encode_weights, load_weights
from koalacli.presets import PRESETS, NetworkConfig
from koalacli.settings import ReadOut
from koalacli.train_config import TrainConfig

ROOT = Path(__file__).resolve().parents[2]
OTHER_BACKEND = """
import sys, pathlib
import keras, numpy as np
from koalacli.model.backend.trace import compile_function
from koalacli.model.weights import load_weights

def run(path, lightness):
    model = load_weights(path).network.model
    forward = compile_function(lambda x: {"outputs": model(x, training=False)}, (None, None, None, 1))
    return forward(lightness)["outputs"]

folder = pathlib.Path(sys.argv[1])
lightness = np.load(folder / "lightness.npy")
outputs = {
    path.stem: run(path, lightness) for path in folder.glob("*.safetensors")
}
np.savez(folder / "outputs.npz", backend=keras.backend.backend(), **outputs)
"""


def narrow(preset: str) -> NetworkConfig:
    """A preset without external extractor, at an eighth of its width unless it has a trunk."""
    config = PRESETS[preset].network
    config = config if config.extractor == "trunk" else replace(config, extractor="none", width=1 / 8)
    return replace(config, bins=len(gamut_bins())) if config.head == "bins" else config


LAST = ("plain_ab", "embedded_ab", "ab", "logits", "hue", "chroma")


def enliven(network: Network, lightness: np.ndarray) -> None:
    """Bring outputs to the order of 1: those of a fresh network may be so small that any others would be near."""
    model = with_features(network)
    for layer in network.core.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.1  # one call, and it nearly knows these pictures
    _, features = model(lightness, training=True)
    for layer in network.core.layers:
        if layer.name in LAST:
            layer.kernel.assign(layer.kernel / ops.max(ops.abs(features)))


@pytest.mark.timeout(600)  # seconds; a minute of processor, which a busy machine takes long to give
@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
def test_both_backends_agree_on_every_preset(tmp_path: Path) -> None:
    """To 1e-4, from the same weights file, of outputs that are much larger."""
    lightness = np.random.default_rng(0).uniform(0, 100, (2, 32, 64, 1)).astype(np.float32)
    np.save(tmp_path / "lightness.npy", lightness)
    tables = {"gamut_bins": gamut_bins(), "bin_prior": np.full(len(gamut_bins()), 1 / len(gamut_bins()), np.float32)}
    here = {}
    for preset in PRESETS:
        config = narrow(preset)
        path = tmp_path / f"{preset}.safetensors"
        network = build_network(config, tables if config.bins else {})
        enliven(network, lightness)
        path.write_bytes(encode_weights(network, ReadOut(), {})[0])
        here[preset] = ops.convert_to_numpy(load_weights(path).network.model(lightness, training=False))
    quick = {"JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # most of the time is compilation
    environment = {**os.environ, **quick, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", OTHER_BACKEND, str(tmp_path)], check=True, env=environment, timeout=600)
    with np.load(tmp_path / "outputs.npz") as there:
        assert str(there["backend"]) != keras.backend.backend()
        for preset, outputs in here.items():
            assert 0.05 < np.abs(outputs).max() < 20, preset
            np.testing.assert_allclose(there[preset], outputs, rtol=0, atol=1e-4, err_msg=preset)


def test_the_refinement_does_not_train_its_proposals() -> None:
    """Their gradient is that of their own distance alone; the refinement's layers get theirs."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("takes gradients with TensorFlow")
    network = build_network(narrow("kriztoper-refine"))
    with tf.GradientTape() as tape:
        outputs = network.model(np.full((1, 32, 32, 1), 60, np.float32), training=True)
        loss = tf.reduce_sum(outputs[..., 4:])
    gradients = tape.gradient(loss, network.model.trainable_variables)
    reached = {
        variable.path.split("/")[-2].split("_")[0]
        for variable, gradient in zip(network.model.trainable_variables, gradients, strict=True)
        if float(tf.reduce_max(tf.abs(gradient))) > 0
    }
    assert reached == {"refined", "ab"}


def test_doubling_is_that_of_keras() -> None:
    """Bilinear, also at the edges and for odd sides."""
    x = np.random.default_rng(0).uniform(size=(1, 5, 4, 3)).astype(np.float32)
    expected = keras.layers.UpSampling2D(2, interpolation="bilinear")(x)
    np.testing.assert_allclose(DoubleSmoothly()(x), expected, atol=1e-6)


def test_three_distances_are_summed() -> None:
    """Each of the three ab counts as it would alone."""
    config = PRESETS["kriztoper-refine"].network
    settings = LossSettings(**dict.fromkeys(LossSettings.__dataclass_fields__, 0.0))
    ab = np.full((1, 2, 2, 2), 12.7, np.float32)
    outputs = np.concatenate([np.full((1, 2, 2, 2), value, np.float32) for value in (0.1, 0.2, 0.4)], axis=-1)
    loss = build_mse_each(config, {}, settings)(ops.convert_to_tensor(ab), ops.convert_to_tensor(outputs))
    np.testing.assert_allclose(ops.convert_to_numpy(loss), [0.0 + 0.01 + 0.09], atol=1e-6)
    read = reading_of(ReadOut(), "ab-refined").read(
        Made(ops.convert_to_tensor(outputs), None, None), {}, config, ReadOut()
    )
    np.testing.assert_allclose(ops.convert_to_numpy(read), np.full((1, 2, 2, 2), 50.8), atol=1e-4)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"preset": "koala", "width": 0.5}, "has a trunk"),
        ({"preset": "wallner-beta", "extractor": "xception"}, "uses no embedding"),
        ({"preset": "kriztoper-refine", "head": "ab"}, "--head may be ab-refined"),
        ({"preset": "deep-koalarization", "loss": "mse-each"}, "--head may be ab"),
        ({"preset": "larsson-2016", "training": "adversarial"}, "discriminators look at ab"),
        ({"preset": "zhang-2016", "training": "labels"}, "no place for a class head"),
    ],
)
def test_what_does_not_go_together_is_refused(flags: dict[str, object], told: str) -> None:
    """Before anything is built, with what would go."""
    with pytest.raises(UsageError, match=told):
        complete(TrainConfig(**flags))


def test_a_preset_brings_its_own_constants_of_the_loss() -> None:
    """Zhang's full rebalancing without further terms; a flag still wins."""
    own = complete(TrainConfig(preset="zhang-2016"))
    assert (own.rebalance_strength, own.regression_weight, own.chroma_gain) == (1.0, 0.0, 1.0)
    assert complete(TrainConfig(preset="zhang-2016", regression_weight=0.5)).regression_weight == 0.5
    assert complete(TrainConfig()).rebalance_strength == 0.6


@pytest.mark.parametrize(
    ("preset", "size", "batch", "optimizer", "rate"),
    [
        ("photos-xception", 224, 64, "adam", 1e-3),
        ("wallner-beta", 256, 10, "rmsprop", 1e-3),
        ("iizuka-2016", 224, 128, "adadelta", 1.0),
        ("larsson-2016", 352, 8, "momentum", 1e-3),
        ("wallner-gan", 128, 5, "adam-gan", 2e-4),
    ],
)
def test_a_preset_trains_as_its_source(preset: str, size: int, batch: int, optimizer: str, rate: float) -> None:
    """Where nothing else was asked for."""
    settings = complete(TrainConfig(preset=preset))
    assert (settings.image_size, settings.batch_size, settings.optimizer, settings.lr) == (size, batch, optimizer, rate)
