"""A run from beginning to end: it learns, and goes on exactly."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from koalacli.errors import UsageError
from koalacli.model.weights import load_weights
from koalacli.pipelines.train.events import Checked, Progressed, TrainEnded, TrainStarted, Warned
from koalacli.pipelines.train.folder import RunFolder
from koalacli.pipelines.train.loop import train
from koalacli.tables import EXTRACTORS, Extractor
from koalacli.train_config import TrainConfig


def rows_of(events: list[Any]) -> list[dict[str, float]]:
    """The checks of a run."""
    return [event.row for event in events if isinstance(event, Checked)]


def test_a_run_leaves_everything_behind(unbroken: list[Any]) -> None:
    """Settings, history, samples, weights with cards, checkpoint; and weights that load."""
    events = unbroken
    folder = Path(events[-1].run)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    expected = {"lock", "args.toml", "history.csv", "checkpoint.safetensors"}
    expected |= {f"samples/{step:06d}.jpg" for step in (0, 6)}
    expected |= {f"{name}.{suffix}" for name in ("best", "last") for suffix in ("safetensors", "md")}
    assert expected <= files
    assert isinstance(events[0], TrainStarted)
    assert isinstance(events[-1], TrainEnded)
    assert events[-1].success
    assert RunFolder(folder).read_args().lr == 1e-3
    weights = load_weights(folder / "last.safetensors")
    assert weights.provenance["recipe"]["steps"] == 6
    assert weights.provenance["figures"]["step"] == 6
    card = (folder / "last.md").read_text()
    assert weights.digest in card
    assert "not stated" in card


def test_tensorboard_shows_every_check(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures and grids are in the event files, also of the run that went on; a missing package is named."""
    import tensorflow as tf

    list(train(replace(config, steps=2, tensorboard=True)))
    list(train(TrainConfig(runs=config.runs, name="run", resume=True, steps=4)))
    folder = RunFolder(Path(config.runs, "run"))
    told: dict[str, dict[int, Any]] = {}
    files = sorted(folder.file("tensorboard").iterdir())
    assert len(files) == 2
    for file in files:
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                told.setdefault(value.tag, {})[event.step] = value
    history = folder.read_history()
    losses = {step: value.simple_value for step, value in told["val_loss"].items()}
    assert losses == pytest.approx({int(row["step"]): row["val_loss"] for row in history}, rel=1e-4)
    assert told["samples"].keys() == losses.keys()
    image = told["samples"][4].image
    assert image.encoded_image_string == folder.file("samples/000004.jpg").read_bytes()
    assert cv2.imread(str(folder.file("samples/000004.jpg"))).shape == (image.height, image.width, 3)
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(UsageError, match=r"pip install.*tensorboard"):
        next(train(replace(config, name="without", tensorboard=True)))


def test_resuming_is_as_if_nothing_had_happened(config: TrainConfig, unbroken: list[Any]) -> None:
    """A run stopped in the middle and resumed ends with the values, averages and history of an unbroken one."""
    run = train(replace(config, checkpoint_minutes=1e-6))
    next(event for event in run if isinstance(event, Checked) and event.row["step"] == 3)
    run.close()
    resumed = list(train(TrainConfig(runs=config.runs, name="run", resume=True, checkpoint_minutes=5.0)))
    assert resumed[0].step == 3
    values = [RunFolder(Path(events[-1].run)).read_checkpoint()[0] for events in (unbroken, resumed)]
    assert values[0].keys() == values[1].keys()
    for name, value in values[0].items():
        np.testing.assert_allclose(values[1][name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    last = [rows_of(events)[-1] for events in (unbroken, resumed)]
    for figure in ("step", "epoch", "lr", "val_loss", "ab_error", "score"):
        assert last[1][figure] == pytest.approx(last[0][figure], rel=1e-4)


def test_a_killed_run_loses_what_came_after_its_checkpoint_and_no_more(config: TrainConfig) -> None:
    """A history row and a half-written file beyond the checkpoint do not confuse the run that goes on."""
    run = train(replace(config, steps=None, epochs=50))
    next(event for event in run if isinstance(event, Checked) and event.row["step"] > 0)
    folder = RunFolder(Path(config.runs) / "run")
    checkpoint = folder.file("checkpoint.safetensors").read_bytes()
    next(event for event in run if isinstance(event, Checked))
    run.close()  # the rest of this process goes on; a killed one's lock is gone with it
    folder.file("checkpoint.safetensors").write_bytes(checkpoint)  # as if killed before it was replaced
    folder.file(".checkpoint.safetensors.1.part").write_bytes(checkpoint[:1000])
    history = folder.read_history()
    events = list(train(TrainConfig(runs=config.runs, name="run", resume=True, steps=int(history[-1]["step"]))))
    assert events[0].step == history[-2]["step"]
    again = folder.read_history()
    assert [row["step"] for row in again] == [row["step"] for row in history]
    assert again[-1]["val_loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-3)


def test_training_beats_the_constant_color(config: TrainConfig) -> None:
    """Where color follows from lightness, a few steps learn it."""
    events = list(train(replace(config, steps=60, ema=0.0, schedule="constant", lr=3e-3)))
    assert rows_of(events)[-1]["val_loss"] < 0.7 * events[0].baseline["val_loss"]
    assert any(event.best for event in events if isinstance(event, Checked))
    assert isinstance(events[-1], TrainEnded)
    assert events[-1].figures["val_loss"] == min(row["val_loss"] for row in rows_of(events))


def test_overfit_ends_when_pictures_are_known_by_heart(config: TrainConfig) -> None:
    """Pictures are learned by heart with enough steps; the command's test has too few."""
    enough = list(train(replace(config, overfit=3, steps=200, lr=3e-3, name="enough")))
    assert enough[-1].success
    assert enough[-1].reason == "learned by heart"


def test_embeddings_are_made_once_and_never_mispaired(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a cache the extractor sees each picture once, in two runs; the weights carry the whole model."""
    seen: list[int] = []

    def build(row: Extractor, cut: str) -> keras.Model:
        lightness = keras.Input((None, None, 1))
        flat = keras.layers.GlobalAveragePooling2D()(lightness)
        inner = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1000)], name="inner")
        model = keras.Model(lightness, inner(flat), name="extractor")
        predict = model.predict_on_batch
        model.predict_on_batch = lambda batch: seen.append(len(batch)) or predict(batch)
        return model

    entry = replace(EXTRACTORS["xception"], build=build)
    monkeypatch.setitem(EXTRACTORS, "xception", entry)
    cached = replace(
        config, extractor="xception", extractor_weights="random", cache_embeddings=str(tmp_path / "e.sqlite")
    )
    list(train(cached))
    assert sum(seen) <= 24  # twelve pictures, in chunks that are filled up to eight
    seen.clear()
    events = list(train(replace(cached, name="again")))
    assert seen == []
    weights = load_weights(events[-1].weights)
    outputs = weights.network.model(np.full((1, 32, 32, 1), 50, np.float32), training=False)
    assert outputs.shape == (1, 16, 16, 2)


def test_collapse_raises_the_alarm(config: TrainConfig) -> None:
    """Predictions that stay one color are pointed out once, while the run goes on."""
    events = list(train(replace(config, lr=1e-12, steps=10, checkpoint_minutes=1e-6)))
    assert len(rows_of(events)) > 5
    assert ["collapse" in event.message for event in events if isinstance(event, Warned)] == [True]


def test_a_short_run_that_ends_in_one_color_raises_the_alarm(config: TrainConfig) -> None:
    """Two checks are too few to wait for more: what it ends with is pointed out, also where nothing is left."""
    events = list(train(replace(config, lr=1e-12, steps=1)))
    assert len(rows_of(events)) == 2
    assert ["collapse" in event.message for event in events if isinstance(event, Warned)] == [True]


def test_plateau_lowers_the_rate_and_early_stopping_ends(config: TrainConfig) -> None:
    """Without any progress the rate falls after five checks and the run ends after seven."""
    stuck = replace(config, lr=1e-12, schedule="plateau", early_stopping=7, steps=40, checkpoint_minutes=1e-6, ema=0.0)
    events = list(train(stuck))
    assert "no better weights" in events[-1].reason
    rates = [row["lr"] for row in rows_of(events)]
    assert min(rates) == pytest.approx(rates[0] * 0.1)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_the_same(config: TrainConfig, unbroken: list[Any], precision: str) -> None:
    """Half as many bits in between, float32 where it counts: same figures but for rounding, stopped and resumed."""
    exact = rows_of(unbroken)[-1]
    mixed = replace(config, precision=precision, name="mixed")
    list(train(replace(mixed, steps=3)))
    events = list(train(TrainConfig(runs=config.runs, name="mixed", resume=True, steps=6)))
    row = rows_of(events)[-1]
    assert row["val_loss"] == pytest.approx(exact["val_loss"], rel=0.05)
    assert row["val_loss"] != exact["val_loss"]
    arrays = RunFolder(Path(config.runs, "mixed")).read_checkpoint()[0]
    assert {array.dtype for name, array in arrays.items() if name.startswith("network")} == {np.dtype(np.float32)}
    scales = [array for name, array in arrays.items() if name.endswith("dynamic_scale")]
    assert [float(scale) for scale in scales] == ([2.0**15] if precision == "mixed_float16" else [])
    weights = load_weights(events[-1].weights)
    assert weights.network.model.compute_dtype == "float32"


def test_fine_tuning_starts_from_given_weights(config: TrainConfig) -> None:
    """--from a file begins with that file's figures, and records what it came from."""
    first = list(train(replace(config, steps=30, lr=3e-3, ema=0.0)))
    start = str(Path(config.runs, "run", "last.safetensors"))
    second = list(train(replace(config, start=start, name="tuned", steps=1)))
    assert rows_of(second)[0]["val_loss"] == pytest.approx(rows_of(first)[-1]["val_loss"], rel=0.02)
    tuned = load_weights(Path(config.runs, "tuned", "last.safetensors"))
    assert tuned.provenance["started_from"] == load_weights(start).digest


def test_the_classification_head_fits_any_preset(config: TrainConfig) -> None:
    """Bins on the 2017 network: prior measured on the pictures at hand and stored with the weights."""
    events = list(train(replace(config, head="bins", steps=2)))
    weights = load_weights(events[-1].weights)
    assert weights.network.config.head == "bins"
    prior, bins = weights.network.tables["bin_prior"], weights.network.tables["gamut_bins"]
    assert prior.sum() == pytest.approx(1, abs=1e-4)
    blue, orange = prior[bins[:, 1] < -10].sum(), prior[bins[:, 1] > 10].sum()
    assert min(blue, orange) > 0.2


def test_progress_is_told_between_checks(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Share, rate and remaining time move in the right direction."""
    monkeypatch.setattr("koalacli.pipelines.train.loop.PROGRESS_SECONDS", 0.0)
    told = [event for event in train(replace(config, val_split=0.1)) if isinstance(event, Progressed)]
    assert [event.step for event in told] == sorted(event.step for event in told)
    assert all(0 < event.share <= 1 and event.rate > 0 for event in told)
