"""Values of extractors from files, as Keras writes and ships them."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from koalacli.errors import WeightsError
from koalacli.model.pretrained import fill_extractor, weights_file
from koalacli.model.weights import round_to_disk
from koalacli.tables import EXTRACTORS, Extractor, load_part


def write_as_shipped(network: keras.Model, folder: Path, name: str) -> Path:
    """The layout of the files that keras.applications fetches: layers by name and in order, at the top of the file."""
    network.save(folder / "whole.h5")
    with h5py.File(folder / "whole.h5") as whole, h5py.File(folder / name, "w") as file:
        values = whole["model_weights"]
        file.attrs.update(values.attrs)
        for layer in values:
            values.copy(layer, file)
    return folder / name


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras writing HDF5
def test_files_of_keras_fill_an_extractor(tmp_path: Path) -> None:
    """Every value arrives, from the shipped layout and from today's; the other variant is refused by name."""
    row = EXTRACTORS["xception"]
    donor = load_part(row.application.maker)(include_top=False, weights=None, input_shape=(299, 299, 3), pooling="avg")
    shipped = write_as_shipped(donor, tmp_path, weights_file(row.application, "pooled"))
    donor.save_weights(tmp_path / "today.weights.h5")
    for file in (shipped, tmp_path / "today.weights.h5"):
        extractor = load_part(row.build)(row, "pooled")
        fill_extractor(extractor, "xception", "pooled", str(file))
        for value, expected in zip(extractor.get_weights(), donor.get_weights(), strict=True):
            np.testing.assert_array_equal(value, expected)
    with pytest.raises(WeightsError, match=r"does not fit xception, cut logits.*tf_kernels\.h5, from https://"):
        fill_extractor(load_part(row.build)(row, "logits"), "xception", "logits", str(shipped))


@pytest.mark.parametrize(("name", "cut"), [("xception", "softmax"), ("inception-resnet-v2", "pooled")])
def test_a_missing_file_is_named_with_its_source(name: str, cut: str) -> None:
    """What to fetch, from where, and what to do without it."""
    extractor = keras.Sequential([keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])])
    with pytest.raises(
        WeightsError, match=rf"nowhere\.h5.*{weights_file(EXTRACTORS[name].application, cut)}, from https://.*random"
    ):
        fill_extractor(extractor, name, cut, "nowhere.h5")


@pytest.mark.parametrize("source", ["imagenet", "nowhere.h5"])
def test_an_extractor_that_keras_does_not_know_says_the_way_out(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Its values come from files alone."""
    monkeypatch.setitem(EXTRACTORS, "made-up", Extractor("made up", {"middle": 5}))
    with pytest.raises(WeightsError, match="with a file of Keras, or --extractor-weights random"):
        fill_extractor(keras.Sequential(), "made-up", "middle", source)


def test_values_beyond_float16_are_named_with_their_file() -> None:
    """An extractor that weights could not keep is refused before training; others are rounded."""
    extractor = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="logits")])
    extractor.set_weights([np.full((1, 1), 0.1), np.zeros(1)])
    round_to_disk(extractor, "mine.h5")
    assert extractor.get_weights()[0] == np.float32(np.float16(0.1))
    extractor.set_weights([np.full((1, 1), 1e6), np.zeros(1)])
    with pytest.raises(WeightsError, match=r"mine\.h5: .*kernel is beyond float16"):
        round_to_disk(extractor, "mine.h5")
