"""Order, batches and skipping of the loader."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from koalacli.data.loader import CropView, Loader
from koalacli.data.sources import find_samples
from koalacli.errors import DataError
from koalacli.tables import AUGMENTATIONS


def write_picture(path: Path, seed: int, *, gray: bool = False) -> None:
    """A small picture file of smooth random colors."""
    noise = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)
    picture = cv2.resize(noise, (64, 56), interpolation=cv2.INTER_CUBIC)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture[..., :1] if gray else picture)[1].tobytes())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Ten colored pictures."""
    for number in range(10):
        write_picture(tmp_path / f"{number}.png", number)
    return tmp_path


def make_loader(tree: Path, **options: int) -> Loader:
    """A loader with film augmentation at 32 px."""
    settings = {"batch_size": 4, "seed": 5, "workers": 2, **options}
    return Loader(find_samples([str(tree)]), CropView(32, 4, AUGMENTATIONS["film"]), **settings)


def test_a_batch_depends_on_seed_and_number_alone(tree: Path) -> None:
    """Starting late or with other threads gives the same batches, bit for bit."""
    batches = make_loader(tree).batches()
    unbroken = [next(batches) for _ in range(8)]
    batches.close()
    later = make_loader(tree, workers=1).batches(5)
    for expected in unbroken[5:]:
        batch = next(later)
        assert batch.number == expected.number
        np.testing.assert_array_equal(batch.lightness, expected.lightness)
        np.testing.assert_array_equal(batch.ab, expected.ab)
    later.close()


def test_machines_share_a_batch_without_overlap(tree: Path) -> None:
    """The parts of two machines, put together, are the batch of one."""
    whole, first, second = (make_loader(tree).batches(1, *share) for share in ((0, 1), (0, 2), (1, 2)))
    for _ in range(3):
        batch, *parts = next(whole), next(first), next(second)
        np.testing.assert_array_equal(np.concatenate([part.lightness for part in parts]), batch.lightness)
        assert parts[0].samples + parts[1].samples == batch.samples
    for batches in (whole, first, second):
        batches.close()


def test_another_seed_is_another_order(tree: Path) -> None:
    """The seed fixes the order."""
    one, two = (make_loader(tree, seed=seed).batches() for seed in (1, 2))
    assert next(one).samples != next(two).samples
    one.close()
    two.close()


def test_every_picture_comes_once_per_epoch(tree: Path) -> None:
    """Ten places of the order are ten pictures."""
    batches = make_loader(tree, batch_size=5).batches()
    seen = [sample.name for batch in (next(batches), next(batches)) for sample in batch.samples]
    batches.close()
    assert sorted(seen) == sorted(f"{number}.png" for number in range(10))


def test_shapes_and_ranges(tree: Path) -> None:
    """Lightness at the network's size, color at its output's."""
    batches = make_loader(tree).batches()
    batch = next(batches)
    batches.close()
    assert batch.lightness.shape == (4, 32, 32, 1)
    assert batch.lightness.dtype == np.float32
    assert batch.ab.shape == (4, 8, 8, 2)
    assert np.abs(batch.ab).max() > 10


def test_bad_pictures_are_skipped_counted_and_replaced(tree: Path) -> None:
    """Batches stay full; each bad picture is listed once with its reason."""
    (tree / "corrupt.jpg").write_bytes(b"\xff\xd8 nothing more")
    write_picture(tree / "gray.png", 1, gray=True)
    loader = make_loader(tree, batch_size=12)
    batches = loader.batches()
    names = {sample.name for sample in next(batches).samples}
    batches.close()
    assert len(names) <= 10
    assert {sample.name: reason.split(",")[0] for sample, reason in loader.skipped.items()} == {
        "corrupt.jpg": "corrupt",
        "gray.png": "gray",
    }
    assert "1 corrupt" in loader.summary()


def test_a_folder_without_color_is_an_error(tmp_path: Path) -> None:
    """Nothing usable ends the run and says how many were what."""
    for number in range(5):
        write_picture(tmp_path / f"{number}.png", number, gray=True)
    with pytest.raises(DataError, match="5 gray"):
        next(make_loader(tmp_path).batches())


def test_examples_are_limited_and_in_order(tree: Path) -> None:
    """Validation takes the first usable ones."""
    (tree / "00.png").write_bytes(b"broken")
    names = [example.sample.name for example in make_loader(tree).examples(3)]
    assert names == ["0.png", "1.png", "2.png"]
