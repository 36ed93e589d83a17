"""Every preset: its size, its shapes, its files."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from koalacli.color.bins import gamut_bins
from koalacli.errors import WeightsError
from koalacli.model.network import MOBILENET_TRUNK, build_network
from koalacli.model.pretrained import fill_extractor, fill_trunk
from koalacli.model.weights import encode_weights, load_weights
from koalacli.presets import PRESETS, NetworkConfig
from koalacli.settings import ReadOut
from koalacli.tables import EXTRACTORS
from koalacli.weights_files import open_weights

BINS = gamut_bins()


def small(preset: str) -> NetworkConfig:
    """A preset without the external extractor's own network, narrow unless it has a trunk."""
    config = PRESETS[preset].network
    if config.extractor != "trunk":
        config = replace(config, extractor="none", width=1 / 8)
    return replace(config, bins=len(BINS)) if config.head == "bins" else config


def test_koala_has_its_published_size() -> None:
    """4.39 million values with those of BatchNorm that are not trained."""
    network = build_network(replace(small("koala"), bins=305), {"gamut_bins": BINS})
    assert network.model.count_params() == 4_389_105


SEEN = {  # what lightness 0 and 100 are to a network, where not -1 and 1
    "wallner-alpha": (0, 100),
    "wallner-beta": (0, 100),
    "wallner-full": (0, 100),
    "wallner-gan": (0, 1),
    "zhang-2016": (-0.5, 0.5),
    "iizuka-2016": (-0.5, 0.5),
    "larsson-2016": (-0.4488, 0.5512),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_any_multiple_of_the_stride_fits(preset: str) -> None:
    """Height and width are free; the output is smaller by the output stride. Each sees lightness in its own range."""
    network = build_network(small(preset), {"gamut_bins": BINS})
    stride = network.config.output_stride
    for height, width in ((32, 64), (64, 32)):
        outputs = network.model(np.zeros((1, height, width, 1), np.float32), training=False)
        assert outputs.shape[1:3] == (height // stride, width // stride)
    scaled = network.core.get_layer("lightness_scaled")(np.array([0, 100], np.float32))
    np.testing.assert_allclose(scaled, SEEN.get(preset, (-1, 1)), atol=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
def test_saved_and_loaded_folded_or_not_is_the_same_network(tmp_path: Path, preset: str) -> None:
    """Values survive to float16, tables exactly; folding changes rounding only."""
    keras.utils.set_random_seed(0)
    network = build_network(
        small(preset),
        {"gamut_bins": BINS, "bin_prior": np.full(len(BINS), 1 / len(BINS), np.float32)}
        if PRESETS[preset].network.head == "bins"
        else {},
    )
    chance = np.random.default_rng(0)
    for variable in network.core.weights:
        if "moving" in variable.path or "gamma" in variable.path:
            variable.assign(chance.uniform(0.5, 1.5, variable.shape).astype(np.float32))
    (tmp_path / "w.safetensors").write_bytes(encode_weights(network, ReadOut(), {"summary": "test"})[0])
    lightness = chance.uniform(0, 100, (2, 32, 64, 1)).astype(np.float32)
    outputs = keras.ops.convert_to_numpy(network.model(lightness, training=False))
    for folded in (False, True):
        loaded = load_weights(tmp_path / "w.safetensors", folded=folded)
        again = keras.ops.convert_to_numpy(loaded.network.model(lightness, training=False))
        assert np.abs(again - outputs).max() < 0.01 * max(1, np.abs(outputs).max())


def test_a_width_is_said_only_where_it_says_something(tmp_path: Path) -> None:
    """Weights of full width are those of before the setting; narrow ones say so and load as what they are."""
    for width in (1.0, 0.5):
        config = replace(PRESETS["wallner-alpha"].network, width=width)
        (tmp_path / "w.safetensors").write_bytes(encode_weights(build_network(config), ReadOut(), {})[0])
        assert open_weights(tmp_path / "w.safetensors").header["network"].get("width", 1.0) == width
        assert load_weights(tmp_path / "w.safetensors").network.config == config
    assert "width" in open_weights(tmp_path / "w.safetensors").header["network"]


@pytest.mark.parametrize("name", ["inception-resnet-v2", "xception"])
def test_missing_extractor_weights_name_the_file_and_its_source(name: str) -> None:
    """What to fetch, and from where, stands in the message."""
    file = EXTRACTORS[name].application.file
    model = keras.Sequential([keras.Input((4,)), keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])])
    with pytest.raises(WeightsError, match=rf"nowhere\.h5.*{file}.*https://") as caught:
        fill_extractor(model, name, "logits", "nowhere.h5")
    assert "random" in str(caught.value)


def test_a_failed_download_names_the_file_and_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the same message comes from the attempt to fetch."""

    def fail(**_options: object) -> None:
        raise Exception("URL fetch failure")

    row = EXTRACTORS["xception"]
    failing = replace(row, application=replace(row.application, maker=fail))
    monkeypatch.setitem(EXTRACTORS, "xception", failing)
    model = keras.Sequential([keras.Input((4,)), keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])])
    with pytest.raises(WeightsError, match=r"cannot be fetched.*notop.*https://"):
        fill_extractor(model, "xception", "pooled", "imagenet")


def test_a_trunk_is_filled_from_an_archive(tmp_path: Path) -> None:
    """Arrays by their published names; what the archive lacks stays as it was."""
    core = build_network(small("koala"), {"gamut_bins": BINS}).core
    depthwise = np.full((3, 3, 32, 1), 0.25, np.float16)
    np.savez(tmp_path / "trunk.npz", **{"conv_dw_1/depthwise_kernel": depthwise})
    before = core.get_layer("conv_pw_1").get_weights()[0]
    fill_trunk(core, MOBILENET_TRUNK, str(tmp_path / "trunk.npz"), lambda: None)
    np.testing.assert_array_equal(core.get_layer("conv_dw_1").get_weights()[0], depthwise)
    np.testing.assert_array_equal(core.get_layer("conv_pw_1").get_weights()[0], before)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    """A file without a single value of the trunk is named."""
    np.savez(tmp_path / "other.npz", noise=np.zeros(3))
    core = build_network(small("koala"), {"gamut_bins": BINS}).core
    with pytest.raises(WeightsError, match=r"other\.npz"):
        fill_trunk(core, MOBILENET_TRUNK, str(tmp_path / "other.npz"), lambda: None)
