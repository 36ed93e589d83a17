"""What a step of training changes, and what it leaves alone."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from koalacli.data.loader import Batch
from koalacli.data.sources import Sample
from koalacli.errors import UsageError
from koalacli.model.losses import LossSettings, build_mae
from koalacli.model.optimizers import AdamOfGans
from koalacli.model.recipes import complete
from koalacli.pipelines.train.adversarial import AdversarialStep, NetworkLoss
from koalacli.pipelines.train.steps import LabelsStep, Setup
from koalacli.presets import PRESETS
from koalacli.train_config import TrainConfig

WIDTH = 1 / 64
CONFIG = replace(PRESETS["wallner-gan"].network, width=WIDTH)


def run(model: Any, inputs: Any, targets: Any) -> float:
    """A step on one device."""
    return float(model.train_on_batch(inputs, targets, return_dict=True)["loss"])


def set_up(**changes: Any) -> Setup:
    """A network of one layer."""
    lightness = keras.Input((None, None, 1))
    model = keras.Model(lightness, keras.layers.Conv2D(2, 1, activation="tanh", name="ab")(lightness))
    settings = complete(TrainConfig(preset="wallner-gan", width=WIDTH))
    loss = build_mae(CONFIG, {}, LossSettings(**dict.fromkeys(LossSettings.__dataclass_fields__, 0.0)))
    make = lambda: AdamOfGans(1e-2).prepare((), 1.0, 0, 0.0, 0.0)  # noqa: E731
    given = {"model": model, "config": CONFIG, "loss": loss, "make_optimizer": make, "settings": settings}
    return Setup(**{**given, "folders": ("a",), "replicas": 1, **changes})


def values_of(model: Any) -> list[np.ndarray]:
    """What training may change in it."""
    return [variable.numpy() for variable in model.variables]


def test_discriminators_are_held_still_while_the_network_learns() -> None:
    """All three move in their own step, none in that of the network; the network moves in its own alone."""
    setup = set_up()
    step = AdversarialStep(setup)
    before = {}

    def watched(model: Any, inputs: Any, targets: Any) -> float:
        before[model.name] = values_of(step.judges), values_of(setup.model)
        return run(model, inputs, targets)

    chance = np.random.default_rng(0)
    lightness = chance.uniform(0, 100, (2, 32, 32, 1)).astype(np.float32)
    ab = chance.uniform(-50, 50, (2, 32, 32, 2)).astype(np.float32)
    step.take(watched, lightness, Batch(0, [], [], lightness, ab))
    judges, network = (before[model.name] for model in (step.judges, step.model))
    moved = [not np.array_equal(*pair) for pair in zip(judges[0], network[0], strict=True)]
    for name in ("full", "medium", "low"):
        of_one = [index for index, variable in enumerate(step.judges.variables) if name in variable.path]
        assert of_one
        assert any(moved[index] for index in of_one)
    for earlier, later in zip(network[0], values_of(step.judges), strict=True):
        np.testing.assert_array_equal(earlier, later)
    for earlier, later in zip(judges[1], network[1], strict=True):
        np.testing.assert_array_equal(earlier, later)
    assert any(not np.array_equal(*pair) for pair in zip(network[1], values_of(setup.model), strict=True))


def test_the_network_answers_for_distance_verdicts_and_features() -> None:
    """Absolute distance of ab, 0.33 times each verdict's squared distance from 1, 3.33 times that of features."""
    chance = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return chance.normal(size=shape).astype(np.float32)

    ab, made = 128 * draw(2, 4, 4, 2), draw(2, 4, 4, 2)
    judged = [[draw(4, 2, 2, 1), draw(4, 2, 2, 3), draw(4, 1, 1, 5)] for _ in range(3)]
    loss = build_mae(CONFIG, {}, LossSettings(**dict.fromkeys(LossSettings.__dataclass_fields__, 0.0)))
    expected = np.abs(made - ab / 128).mean(axis=(1, 2, 3))
    for patches, *features in judged:
        expected += 0.33 * ((patches[:2] - 1) ** 2).mean(axis=(1, 2, 3))
        flat = np.concatenate([one.reshape(4, -1) for one in features], axis=1)
        expected += 3.33 * np.abs(flat[:2] - flat[2:]).mean(axis=1)
    np.testing.assert_allclose(NetworkLoss(loss)(ab, made, judged), expected, rtol=1e-5)


def test_discriminators_do_not_share_a_batch() -> None:
    """With several devices the way out is named."""
    with pytest.raises(UsageError, match="--devices 1"):
        AdversarialStep(set_up(replicas=2))


def test_a_picture_can_be_named_by_its_folder() -> None:
    """The class head learns which of two folders; with a single one there is none, and that is said."""
    inputs = keras.Input((None, None, 1))
    whole = keras.layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    whole = keras.layers.Activation("linear", name="global_dense_2_relu")(whole)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs + 0 * whole))
    settings = complete(TrainConfig(preset="iizuka-2016", class_weight=10.0))
    config = replace(PRESETS["iizuka-2016"].network, width=1 / 8)
    step = LabelsStep(set_up(model=model, config=config, settings=settings, folders=("dark", "light")))
    lightness = np.repeat([0.1, 0.9], 4)[:, None, None, None] * np.ones((8, 4, 4, 1), np.float32)
    samples = [Sample("1.png", f"pictures/{'light' if one.mean() > 0.5 else 'dark'}/1.png") for one in lightness]
    batch = Batch(0, samples, [""] * 8, lightness, np.zeros((8, 4, 4, 2), np.float32))
    losses = [step.take(run, lightness, batch) for _ in range(40)]
    assert losses[-1] < 0.2 * losses[0]
    assert any(name.startswith("class head/class_logits") for name, _ in step.state())
    alone = LabelsStep(set_up(model=model, config=config, settings=settings, folders=("dark",)))
    assert "one folder" in alone.remark
    assert not any(name.startswith("class head") for name, _ in alone.state())
