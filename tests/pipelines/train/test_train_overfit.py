"""Every preset learns real photographs by heart: the whole chain works, from picture to color."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from skimage import data

from koalacli import Colorizer
from koalacli.pipelines.train.events import TrainEnded, TrainStarted
from koalacli.pipelines.train.loop import train
from koalacli.presets import PRESETS
from koalacli.tables import EXTRACTORS
from koalacli.train_config import TrainConfig

# Narrow, where full width would take minutes; a recipe's rate, where it needs many thousand steps.
SMALL = {
    "wallner-beta": {"width": 1 / 4},
    "wallner-full": {"width": 1 / 4},
    "zhang-2016": {"width": 1 / 8, "lr": 1e-3},
    "kriztoper-refine": {"width": 1 / 8, "lr": 1e-3},
}
SMALLEST_INPUT = 75  # pixels; what the networks of keras.applications accept


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four color photographs."""
    folder = tmp_path_factory.mktemp("photographs")
    for photograph in (data.astronaut, data.chelsea, data.coffee, data.rocket):
        content = cv2.imencode(".png", photograph()[..., ::-1])[1].tobytes()
        (folder / f"{photograph.__name__}.png").write_bytes(content)
    return folder


def make_small_network(**options: Any) -> keras.Model:
    """In place of the 55 million values of Inception-ResNet-v2: what a maker of keras.applications may be asked for."""
    picture = keras.Input(options["input_shape"])
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, strides=4)(picture))
    classes = keras.layers.Dense(1000, activation=options["classifier_activation"])
    return keras.Model(picture, classes(pooled))


@pytest.fixture(autouse=True)
def small_extractors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The external extractors, looking at small pictures: Xception whole, the large one replaced."""
    for name, row in EXTRACTORS.items():
        if row.application:
            monkeypatch.setitem(EXTRACTORS, name, replace(row, input_size=SMALLEST_INPUT))
    row = EXTRACTORS["inception-resnet-v2"]
    small = replace(row, application=replace(row.application, maker=make_small_network))
    monkeypatch.setitem(EXTRACTORS, "inception-resnet-v2", small)


@pytest.mark.parametrize("preset", PRESETS)
def test_four_photographs_are_learned_by_heart(preset: str, photographs: Path, tmp_path: Path) -> None:
    """With the preset's own recipe and end, at a small size, with a random extractor; the weights color a picture."""
    weights = None if preset == "koala" else "random"
    started, *_, ended = train(
        TrainConfig(
            data=(str(photographs),),
            preset=preset,
            extractor_weights=weights,
            overfit=4,
            image_size=32,
            runs=str(tmp_path),
            **SMALL.get(preset, {}),
        )
    )
    assert np.ptp(Colorizer(ended.weights, device="cpu", size=32).colorize(data.camera()), axis=-1).max() > 0
    keras.utils.clear_session(free_memory=True)
    assert isinstance(started, TrainStarted)
    assert isinstance(ended, TrainEnded)
    assert ended.success
    assert ended.reason == "learned by heart"
    assert ended.figures["ab_error"] < 0.55 * started.baseline["ab_error"]
