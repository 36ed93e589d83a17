"""A new entry is one place: each test adds one to a table and trains with it from the command line, to its weights."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from koalacli.cli.app import make_app
from koalacli.data import loader
from koalacli.data.pictures import cut
from koalacli.model import heads, network, optimizers
from koalacli.model.read_outs import READ_OUTS
from koalacli.model.weights import Weights, load_weights
from koalacli.pipelines.train import steps
from koalacli.presets import PRESETS, Preset, Recipe
from koalacli.tables import (
    AUGMENTATIONS,
    EXTRACTORS,
    HEADS,
    LOSSES,
    OPTIMIZERS,
    TRAININGS,
    Augmentation,
    Extractor,
    HeadRow,
    LossRow,
    OptimizerRow,
    Training,
)

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of smooth random colors."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (4, 4, 3), np.uint8)
        picture = cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC)
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: Patch) -> None:
    """The 2017 network with few filters, from a short plan."""
    monkeypatch.setattr(network, "KOALARIZATION_ENCODER", ((8, 2), (8, 2), (8, 2)))
    monkeypatch.setitem(network.PLAIN_DECODERS, "koalarization", ("up", 8, "up"))


@pytest.fixture
def trained(pictures: Path, tmp_path: Path) -> Any:
    """Trains two steps with flags, of a preset of the 2017 family without extractor unless they say otherwise."""

    def run(*flags: str) -> Weights:
        usual = {"--preset": "deep-koalarization", "--extractor": "none"}
        words = [word for pair in usual.items() if pair[0] not in flags for word in pair]
        fixed = ["--image-size", "32", "--batch-size", "2", "--steps", "2", "--runs", str(tmp_path), "--name", "run"]
        places = ["--data", str(pictures), "--val-data", str(pictures), "--workers", "1", "--json"]
        done = CliRunner().invoke(make_app(), ["train", *places, *fixed, *words, *flags])
        assert done.exit_code == 0, done.output
        return load_weights(json.loads(done.stdout.splitlines()[-1])["weights"])

    return run


def with_entry(monkeypatch: Patch, **parts: str) -> str:
    """Adds a preset whose network has other parts; returns its name."""
    base = PRESETS["deep-koalarization"]
    entry = replace(base, help="made up", network=replace(base.network, preset="made-up", **parts))
    monkeypatch.setitem(PRESETS, "made-up", entry)
    return "made-up"


def test_help_lists_every_entry_and_what_it_is(monkeypatch: Patch) -> None:
    """Choices and their explanations are the tables' own, also of an entry that was just added."""
    monkeypatch.setitem(LOSSES, "made-up", LossRow("a loss that nobody needs", "ab", "nowhere:nothing"))
    shown = CliRunner().invoke(make_app(), ["train", "--help-all"], terminal_width=400).output
    text = " ".join(shown.split())
    for table in (PRESETS, EXTRACTORS, HEADS, LOSSES, OPTIMIZERS, TRAININGS, AUGMENTATIONS):
        for name, row in table.items():
            assert f"{name}: {row.help}" in text


def test_a_preset_is_one_entry(monkeypatch: Patch, trained: Any, pictures: Path, tmp_path: Path) -> None:
    """Network and recipe in one; its weights colorize a picture."""
    parts = replace(PRESETS["deep-koalarization"].network, preset="made-up", extractor="none")
    monkeypatch.setitem(PRESETS, "made-up", Preset("made up", parts, Recipe(image_size=64, batch_size=4, lr=0.5)))
    weights = trained("--preset", "made-up", "--extractor", "none")
    assert weights.network.config.preset == "made-up"
    assert weights.provenance["recipe"]["lr"] == 0.5
    flags = ["--weights", str(tmp_path / "run" / "best.safetensors"), "--device", "cpu", "--size", "32", "--quiet"]
    done = CliRunner().invoke(make_app(), ["colorize", str(pictures / "0.png"), str(tmp_path / "out.png"), *flags])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.png").is_file()


def test_an_extractor_is_one_entry(monkeypatch: Patch, trained: Any, tmp_path: Path) -> None:
    """It says its own cut, width, input size and range; cached embeddings are of pictures at its size."""
    seen: list[tuple[int, ...]] = []

    def build(row: Extractor, cut: str) -> keras.Model:
        lightness = keras.Input((None, None, 1))
        pooled = keras.layers.GlobalAveragePooling2D()(lightness)
        model = keras.Model(lightness, keras.layers.Dense(row.embedding_size[cut])(pooled), name="extractor")
        predict = model.predict_on_batch
        model.predict_on_batch = lambda batch: seen.append(batch.shape[1:]) or predict(batch)
        return model

    monkeypatch.setitem(EXTRACTORS, "made-up", Extractor("made up", {"middle": 5}, build, input_size=40))
    flags = ("--extractor", "made-up", "--extractor-weights", "random")
    weights = trained(*flags, "--cache-embeddings", str(tmp_path / "embeddings"))
    assert (weights.network.config.cut, weights.network.config.embedding_size) == ("middle", 5)
    assert set(seen) == {(40, 40, 1)}


def test_an_encoder_is_one_entry(monkeypatch: Patch, trained: Any) -> None:
    """With a trunk that was trained before, whose layers learn at their own rate."""
    marked: list[tuple[str, ...]] = []
    prepare = optimizers.Adam.prepare
    monkeypatch.setattr(
        optimizers.Adam, "prepare", lambda self, trunk, *rest: marked.append(trunk) or prepare(self, trunk, *rest)
    )

    def encode(x: Any, config: Any, folded: bool) -> network.Features:
        return {8: keras.layers.Conv2D(8, 8, strides=8, padding="same", name="mine_1")(x)}

    trunk = replace(network.MOBILENET_TRUNK, prefixes=("mine_",))
    monkeypatch.setitem(network.ENCODERS, "made-up", network.Encoder(encode, trunk))
    name = with_entry(monkeypatch, encoder="made-up")
    weights = trained("--preset", name, "--extractor-weights", "random")
    assert weights.network.core.get_layer("mine_1")
    assert marked == [("mine_",)]


def test_a_fusion_is_one_entry(monkeypatch: Patch, trained: Any) -> None:
    """Deepest features and embedding in, fused features out."""

    def fuse(features: network.Features, embedding: Any, config: Any, folded: bool) -> Any:
        return keras.layers.Conv2D(8, 1, name="mine")(features[max(features)])

    monkeypatch.setitem(network.FUSIONS, "made-up", fuse)
    weights = trained("--preset", with_entry(monkeypatch, fusion="made-up"))
    assert weights.network.core.get_layer("mine")


def test_a_decoder_is_one_entry(monkeypatch: Patch, trained: Any) -> None:
    """Fused features in, features at the output stride out."""

    def decode(x: Any, features: network.Features, config: Any, folded: bool) -> Any:
        return keras.layers.UpSampling2D(4, name="mine")(x)

    monkeypatch.setitem(network.DECODERS, "made-up", decode)
    weights = trained("--preset", with_entry(monkeypatch, decoder="made-up"))
    assert weights.network.core.get_layer("mine")


def test_a_head_is_one_entry_with_a_loss_and_a_read_out(
    monkeypatch: Patch, trained: Any, pictures: Path, tmp_path: Path
) -> None:
    """All that the training asks about outputs is the head's to answer; its weights colorize by its read-out."""
    scores: list[float] = []

    def score(figures: heads.Figures, baseline: heads.Figures) -> float:
        scores.append(figures["ab_error"])
        return -figures["ab_error"]

    monkeypatch.setitem(HEADS, "made-up", HeadRow("made up", replace(heads.AB, score=score), "made-up-loss"))
    monkeypatch.setitem(LOSSES, "made-up-loss", replace(LOSSES["huber"], head="made-up"))
    monkeypatch.setitem(READ_OUTS, "made-up", replace(READ_OUTS["scaled"], head="made-up"))
    weights = trained("--head", "made-up")
    assert weights.network.config.head == "made-up"
    assert weights.provenance["recipe"]["loss"] == "made-up-loss"
    assert scores
    flags = ["--weights", str(tmp_path / "run" / "best.safetensors"), "--device", "cpu", "--size", "32", "--quiet"]
    done = CliRunner().invoke(make_app(), ["colorize", str(pictures / "0.png"), str(tmp_path / "out.png"), *flags])
    assert done.exit_code == 0, done.output


def test_a_loss_is_one_entry(monkeypatch: Patch, trained: Any) -> None:
    """It says which head it reads."""

    def build(config: Any, tables: Any, settings: Any) -> Any:
        return lambda ab, outputs: keras.ops.mean(keras.ops.abs(outputs), axis=(1, 2, 3)) + 7.0

    monkeypatch.setitem(LOSSES, "made-up", LossRow("made up", "ab", build))
    weights = trained("--loss", "made-up")
    assert weights.provenance["figures"]["loss"] > 7 or weights.provenance["figures"]["val_loss"] > 7


def test_an_optimizer_is_one_entry(monkeypatch: Patch, trained: Any) -> None:
    """A class of Keras with koala's recipe mixed in."""
    made: list[Any] = []

    class MadeUp(optimizers.Sgd):
        def __init__(self, *arguments: Any, **options: Any):
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setitem(OPTIMIZERS, "made-up", OptimizerRow("made up", MadeUp))
    trained("--optimizer", "made-up")
    assert [int(optimizer.iterations.numpy()) for optimizer in made] == [2]


def test_a_training_is_one_entry(monkeypatch: Patch, trained: Any) -> None:
    """A class that takes the steps, in place of the plain one; its name stands in the record of the weights."""
    taken: list[int] = []

    class MadeUp(steps.PlainStep):
        def take(self, run: Any, inputs: Any, batch: Any) -> float:
            taken.append(batch.number)
            return super().take(run, inputs, batch)

    monkeypatch.setitem(TRAININGS, "made-up", Training("made up", MadeUp))
    assert trained("--training", "made-up").provenance["recipe"]["training"] == "made-up"
    assert taken == [0, 1]


def test_an_augmentation_is_one_entry(monkeypatch: Patch, trained: Any) -> None:
    """Training pictures are cut by it, validation pictures are not; it stands in the record of the weights."""
    used: list[str] = []
    monkeypatch.setattr(loader, "cut", lambda rgb8, size, how, rng: used.append(how.help) or cut(rgb8, size, how, rng))
    monkeypatch.setitem(AUGMENTATIONS, "made-up", Augmentation("made up", smallest_crop=0.5, turn=3.0))
    assert trained("--augment", "made-up").provenance["recipe"]["augment"] == "made-up"
    assert {"made up", AUGMENTATIONS["none"].help} == set(used)
