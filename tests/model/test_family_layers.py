"""The layers that only some of the family have do what their sources say."""

import math
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from koalacli.model.larsson import decode_hypercolumns
from koalacli.model.layers import DoubleSmoothly
from koalacli.model.network import build_network
from koalacli.model.patch_gan import DISCRIMINATORS, Attend, DoubleTo, SpectralConv2D, build_discriminator
from koalacli.presets import PRESETS

CHANCE = np.random.default_rng(0)


def test_a_spectral_kernel_is_divided_by_its_largest_singular_value() -> None:
    """After a few steps of the power iteration, which go on in training and stand still afterwards."""
    layer = SpectralConv2D(3, 1, use_bias=True)
    pixels = CHANCE.normal(size=(1, 4, 4, 5)).astype(np.float32)
    for _ in range(60):
        layer(pixels, training=True)
    direction = layer.direction.numpy()
    matrix = layer.kernel.numpy()[0, 0]
    expected = pixels @ (matrix / np.linalg.norm(matrix, ord=2))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(pixels)), expected, atol=1e-4)
    np.testing.assert_array_equal(layer.direction.numpy(), direction)


def test_attention_begins_as_if_it_were_not_there() -> None:
    """Then every place takes its share of what is like it, places of one kind the same."""
    layer = Attend()
    x = CHANCE.normal(size=(1, 2, 3, 8)).astype(np.float32)
    like = np.zeros((1, 2, 3, 1), np.float32)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x, like, like, x)), x)
    layer.share.assign([1.0])
    mean = x.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x, like, like, x)), x + mean, atol=1e-5)


def test_discriminators_have_their_published_size() -> None:
    """Trained values of the large one and of two that see smaller pictures; patches are an eighth of what is seen."""
    config = PRESETS["wallner-gan"].network
    models = {name: build_discriminator(name, config) for name in DISCRIMINATORS}
    sizes = {name: sum(math.prod(one.shape) for one in model.trainable_variables) for name, model in models.items()}
    assert sizes == {"full": 2_785_378, "medium": 2_769_938, "low": 2_769_938}
    patches, *features = models["medium"](np.zeros((1, 64, 64, 3), np.float32))
    assert patches.shape == (1, 4, 4, 1)
    assert [one.shape[-1] for one in features] == [64, 128, 256, 512]


def test_doubling_ends_where_the_other_does() -> None:
    """A side of three came from five or six."""
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
    doubled = ops.convert_to_numpy(DoubleTo()(x, np.zeros((1, 4, 5, 2), np.float32)))
    np.testing.assert_array_equal(doubled[0, :, :, 0], np.repeat(np.repeat(x[0, :, :, 0], 2, 0), 2, 1)[:, :5])


def test_the_whole_picture_is_seen_at_224_by_the_same_low_layers() -> None:
    """Whatever the picture's size; and what is far away changes every color."""
    keras.utils.set_random_seed(0)  # so few filters may all be dead by chance
    config = replace(PRESETS["iizuka-2016"].network, width=1 / 32)
    model = build_network(config).model
    pictures = np.full((2, 32, 192, 1), 50, np.float32)
    pictures[1, :, 160:] = 90
    seen = keras.Model(model.input, [model.get_layer(name).output for name in ("whole_picture", "global_flat")])
    whole, flat = seen(pictures)
    assert whole.shape == (2, 224, 224, 1)
    assert flat.shape == (2, 1, 1, 7 * 7 * 16)
    low = [layer for layer in model.layers if layer.name.startswith("low_") and hasattr(layer, "kernel")]
    assert [layer.filters for layer in low] == [2, 4, 4, 8, 8, 16]
    ab = ops.convert_to_numpy(model(pictures, training=False))
    assert np.abs(ab[1, :, :16] - ab[0, :, :16]).min(axis=-1).max() > 0


def test_adding_projections_is_projecting_the_hypercolumn() -> None:
    """Each stride by itself gives what one 1x1 convolution of all, at a quarter of the size, would."""
    config = PRESETS["larsson-2016"].network
    channels = {1: 3, 2: 2, 4: 2, 8: 2, 16: 2, 32: 4}
    inputs = {stride: keras.Input((None, None, count)) for stride, count in channels.items()}
    model = keras.Model(list(inputs.values()), decode_hypercolumns(inputs, config))
    taps = {
        stride: CHANCE.normal(size=(1, 64 // stride, 64 // stride, count)).astype(np.float32)
        for stride, count in channels.items()
    }
    same_size, kernels = [], []
    for stride, x in taps.items():
        kernels.append(model.get_layer(f"project_{stride}").kernel.numpy()[0, 0])
        while x.shape[1] > 16:
            x = x.reshape(1, x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).mean(axis=(2, 4))
        while x.shape[1] < 16:
            x = ops.convert_to_numpy(DoubleSmoothly()(x))
        same_size.append(x)
    expected = np.maximum(np.concatenate(same_size, axis=-1) @ np.concatenate(kernels), 0)
    outputs = ops.convert_to_numpy(model(list(taps.values())))
    np.testing.assert_allclose(outputs[..., :-1], expected, atol=1e-4)
    np.testing.assert_allclose(outputs[..., -1:], same_size[0][..., :1], atol=1e-6)
