"""A small network, twelve pictures, and the settings of a short run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from koalacli.model import network
from koalacli.pipelines.train.loop import train
from koalacli.train_config import TrainConfig


@pytest.fixture(scope="module")
def tiny_encoder() -> Iterator[None]:
    """The 2017 networks with few filters per layer."""
    with pytest.MonkeyPatch.context() as patch:
        plan = tuple((8, stride) for _, stride in network.KOALARIZATION_ENCODER)
        patch.setattr(network, "KOALARIZATION_ENCODER", plan)
        for name in ("koalarization", "photos"):
            patch.setitem(network.PLAIN_DECODERS, name, (16, "up", 16, 16, "up", 16))
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures whose color follows from their lightness: blue above, orange below."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(12):
        chance = np.random.default_rng(number)
        split = chance.integers(20, 44)
        picture = np.empty((64, 64, 3), np.uint8)
        picture[:split] = (120, 170, 235)
        picture[split:] = (150, 70, 20)
        noisy = np.clip(picture + chance.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", noisy[..., ::-1])[1].tobytes())
    return folder


@pytest.fixture
def config(pictures: Path, tmp_path: Path, tiny_encoder: None) -> TrainConfig:
    """Six steps of a small network."""
    return six_steps(pictures, tmp_path)


@pytest.fixture(scope="module")
def unbroken(pictures: Path, tmp_path_factory: pytest.TempPathFactory, tiny_encoder: None) -> list[Any]:
    """The events of these six steps, made once; its folder is not to be changed."""
    return list(train(six_steps(pictures, tmp_path_factory.mktemp("unbroken"))))


def six_steps(pictures: Path, folder: Path) -> TrainConfig:
    """The settings of a short run."""
    return TrainConfig(
        data=(str(pictures),),
        preset="deep-koalarization",
        extractor="none",
        image_size=32,
        batch_size=4,
        steps=6,
        runs=str(folder / "runs"),
        name="run",
        val_split=0.3,
        workers=2,
        seed=3,
        ema=0.9,
    )
