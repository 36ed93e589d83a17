"""Every preset learns two real photographs by heart, and its weights color: the whole chain, from picture to color."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import keras
import numpy as np
import pytest
from safetensors.numpy import load_file
from skimage import data

from koalacli import Colorizer
from koalacli.config import VideoConfig
from koalacli.model import iizuka
from koalacli.model.fold import fold_tensors
from koalacli.model.weights import network_tensors
from koalacli.pipelines.train import loop
from koalacli.pipelines.train.events import Checked, TrainEnded, TrainStarted
from koalacli.pipelines.train.folder import Arrays, RunFolder, RunProgress
from koalacli.pipelines.train.pictures import Pictures
from koalacli.pipelines.train.session import Session
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.presets import PRESETS
from koalacli.records import Outcome
from koalacli.tables import EXTRACTORS
from koalacli.train_config import TrainConfig

# Narrow, where full width would take minutes; a recipe's rate, where it needs many thousand steps.
SMALL = {
    "wallner-beta": {"width": 1 / 4},
    "wallner-full": {"width": 1 / 4},
    "zhang-2016": {"width": 1 / 8, "lr": 1e-3},
    "kriztoper-refine": {"width": 1 / 8, "lr": 1e-3},
    "iizuka-2016": {"width": 1 / 8},
    "larsson-2016": {"width": 1 / 16, "steps": 30},
    "wallner-gan": {"width": 1 / 16, "steps": 30},
}
NEEDS_MORE = ("larsson-2016", "wallner-gan")  # than the time of a test to know pictures by heart
GOES_ON = (*NEEDS_MORE, "iizuka-2016")  # with more than a network and an optimizer in its checkpoint
SMALLEST_INPUT = 75  # pixels; what the networks of keras.applications accept
SIZE = 32
FRAMES = 4
Checkpoint = tuple[Arrays, RunProgress]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two color photographs in two folders."""
    folder = tmp_path_factory.mktemp("photographs")
    for place, photograph in zip("ab", (data.astronaut, data.chelsea), strict=True):
        (folder / place).mkdir(exist_ok=True)
        content = cv2.imencode(".png", photograph()[..., ::-1])[1].tobytes()
        (folder / place / f"{photograph.__name__}.png").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few gray frames."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=64, height=48)
        stream.pix_fmt = "yuv420p"
        gray = cv2.resize(data.camera(), (64, 48), interpolation=cv2.INTER_AREA)
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.roll(gray, number, axis=1), "gray").reformat(format="yuv420p")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def make_small_network(**options: Any) -> keras.Model:
    """In place of the 55 million values of Inception-ResNet-v2: what a maker of keras.applications may be asked for."""
    picture = keras.Input(options["input_shape"])
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, strides=4)(picture))
    classes = keras.layers.Dense(1000, activation=options["classifier_activation"])
    return keras.Model(picture, classes(pooled))


@pytest.fixture(autouse=True)
def small_extractors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks at the whole picture looks at a small one: Xception whole, the large one replaced, Iizuka's branch."""
    for name, row in EXTRACTORS.items():
        if row.application:
            monkeypatch.setitem(EXTRACTORS, name, replace(row, input_size=SMALLEST_INPUT))
    row = EXTRACTORS["inception-resnet-v2"]
    small = replace(row, application=replace(row.application, maker=make_small_network))
    monkeypatch.setitem(EXTRACTORS, "inception-resnet-v2", small)
    monkeypatch.setattr(iizuka, "GLOBAL_SIDE", SIZE)


@dataclass
class Learned:
    """A run: its events, what it trained with, and its checkpoints in the middle and at the end."""

    events: list[Any]
    session: Session
    pictures: Pictures
    earlier: Checkpoint
    last: Checkpoint


@pytest.fixture
def learn(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Learned]:
    """Learn two photographs by heart with a preset's own recipe and end, at a small size."""
    made: dict[str, Any] = {}
    for name in ("Session", "gather"):
        usual = getattr(loop, name)
        monkeypatch.setattr(loop, name, lambda *given, n=name, u=usual: made.setdefault(n, u(*given)))

    def run(preset: str) -> Learned:
        config = TrainConfig(
            data=(str(photographs),),
            preset=preset,
            extractor_weights=None if preset == "koala" else "random",
            overfit=2,
            image_size=SIZE,
            runs=str(tmp_path / "runs"),
            name="run",
            **SMALL.get(preset, {}),
        )
        folder = RunFolder(Path(config.runs, config.name))
        events, checkpoints = [], []
        for event in loop.train(config):
            events.append(event)
            if isinstance(event, Checked):
                checkpoints.append(folder.read_checkpoint())
        return Learned(events, made["Session"], made["gather"], checkpoints[1], checkpoints[-1])

    return run


@pytest.mark.parametrize("preset", PRESETS)
def test_two_photographs_are_learned_and_a_picture_and_a_film_colored(
    preset: str, learn: Callable[[str], Learned], film: Path, tmp_path: Path
) -> None:
    """A run goes on exactly from its checkpoint; weights hold the whole network, extractor and all."""
    learned = learn(preset)
    started, ended = learned.events[0], learned.events[-1]
    assert isinstance(started, TrainStarted)
    assert isinstance(ended, TrainEnded)
    if preset in NEEDS_MORE:
        first, *_, last = (event.row for event in learned.events if isinstance(event, Checked))
        assert last["step"] == SMALL[preset]["steps"]
        assert last["val_loss"] < 0.97 * first["val_loss"]
    else:
        assert ended.success
        assert ended.reason == "learned by heart"
        assert ended.figures["ab_error"] < 0.55 * started.baseline["ab_error"]
    if preset in GOES_ON:
        assert_goes_on_exactly(learned)
    colorizer = Colorizer(ended.weights, device="cpu", size=SIZE)
    held, stored = network_tensors(colorizer.weights.network), fold_tensors(load_file(ended.weights))
    assert held.keys() == stored.keys()
    for name, value in stored.items():
        np.testing.assert_array_equal(held[name], value.astype(np.float32), err_msg=name)
    assert np.ptp(colorizer.colorize(data.camera()), axis=-1).max() > 0
    assert_colors_a_film(colorizer, film, tmp_path / "film.mp4")
    keras.utils.clear_session(free_memory=True)


def assert_goes_on_exactly(learned: Learned) -> None:
    """From the checkpoint in the middle to that of the end; a network, optimizers, and whatever else there is."""
    (arrays, progress), (expected, end) = learned.earlier, learned.last
    learned.session.restore(arrays)
    batches = learned.pictures.loader.batches(progress.step)
    for _ in range(progress.step, end.step):
        learned.session.step(next(batches), learned.session.config.lr)
    batches.close()
    assert end.step > progress.step
    for name, value in learned.session.arrays().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6, err_msg=name)


def assert_colors_a_film(colorizer: Colorizer, film: Path, target: Path) -> None:
    """All of its frames."""
    *_, record = colorize_film(FilmJob(str(film), str(target)), VideoConfig(), colorizer)
    assert record.outcome == Outcome.DONE
    with av.open(str(target)) as colored:
        frames = [frame.to_ndarray(format="rgb24") for frame in colored.decode(video=0)]
    assert len(frames) == FRAMES
    assert all(np.ptp(frame, axis=-1).max() > 0 for frame in frames)
