"""The Colorizer: any size, any depth, same result in any company."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koalacli import Colorizer, Hint, KoalaError
from koalacli.color.bins import annealed_mean
from koalacli.color.gamut import merge_rgb16
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.color.shapes import pad_to_stride
from koalacli.errors import DeviceError, UsageError, WeightsError
from koalacli.metrics.pictures import delta_e_2000
from koalacli.settings import ReadOut


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (5000, 20), (33, 47), (120, 160)])
def test_any_size_comes_back_in_its_size(colorizer: Colorizer, shape: tuple[int, int]) -> None:
    """Down to a single pixel and up to extreme ratios, height and width are kept."""
    gray = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rgb8 = colorizer.colorize(gray)
    assert rgb8.shape == (*shape, 3)
    assert rgb8.dtype == np.uint8
    assert np.abs(rgb_to_lab(rgb8 / np.float32(255))[..., :1] - lightness_of(gray)).max() <= 0.6


def test_sixteen_bits_stay_sixteen(colorizer: Colorizer, gray: np.ndarray) -> None:
    """uint16 in, uint16 out, lightness to 0.02."""
    deep = gray.astype(np.uint16) * 251 + 7
    rgb16 = colorizer.colorize(deep)
    assert rgb16.dtype == np.uint16
    assert np.abs(rgb_to_lab(rgb16 / np.float32(65535))[..., :1] - lightness_of(deep)).max() <= 0.02


def test_a_real_photograph_gets_color(colorizer: Colorizer, gray: np.ndarray) -> None:
    """The result is visibly not gray, and not one flat tint."""
    ab = rgb_to_lab(colorizer.colorize(gray) / np.float32(255))[..., 1:]
    assert np.hypot(ab[..., 0], ab[..., 1]).mean() > 4
    assert ab.std(axis=(0, 1)).max() > 2


def test_company_does_not_change_a_result(colorizer: Colorizer, gray: np.ndarray) -> None:
    """The same picture gives the same bytes alone, in any batch, at any place in it."""
    others = [np.random.default_rng(seed).integers(0, 256, gray.shape, dtype=np.uint8) for seed in range(6)]
    alone = colorizer.colorize(gray)
    for place in (0, 2, 5):
        pictures = [*others[:place], gray, *others[place:]]
        assert np.array_equal(list(colorizer.stream(pictures))[place], alone)


def test_batch_size_does_not_change_a_result(gray: np.ndarray, colorizer: Colorizer) -> None:
    """Batches of one, three and eight give the same bytes."""
    pictures = [np.roll(gray, shift, axis=1) for shift in range(0, 45, 5)]
    expected = list(colorizer.stream(pictures))
    for batch_size in (1, 3, 8):
        other = Colorizer(device="cpu", batch_size=batch_size)
        assert all(map(np.array_equal, other.stream(pictures), expected))


def test_stream_keeps_the_order_of_mixed_sizes(colorizer: Colorizer) -> None:
    """Pictures come back in order although batches are made by shape."""
    shapes = [(64, 64), (64, 128), (64, 64), (128, 64), (64, 128), (64, 64)] * 2
    pictures = [np.full(shape, 90 + number, np.uint8) for number, shape in enumerate(shapes)]
    results = list(colorizer.stream(iter(pictures)))
    assert [rgb.shape[:2] for rgb in results] == shapes
    for gray, rgb in zip(pictures, results, strict=True):
        assert np.abs(lightness_of(rgb) - lightness_of(gray)).max() <= 0.6


def test_true_color_never_leaks_into_the_input(colorizer: Colorizer, gray: np.ndarray) -> None:
    """Pictures of equal lightness and opposite tints give the same result, to one code value."""
    lightness = np.clip(lightness_of(gray), 15, 85)
    tints = (np.full((*gray.shape, 2), sign * 12, np.float32) for sign in (-1, 1))
    cold, warm = (colorizer.colorize(merge_rgb16(lightness, tint)).astype(int) for tint in tints)
    assert np.abs(cold - warm).max() <= 257


@settings(max_examples=20)
@given(st.integers(1, 100), st.integers(1, 100))
def test_padding_reflects_to_the_stride(height: int, width: int) -> None:
    """Padded sides are multiples of 32 and the picture itself is untouched."""
    picture = np.random.default_rng(0).random((1, height, width, 1), np.float32)
    padded = pad_to_stride(picture)
    assert padded.shape[1] % 32 == 0
    assert padded.shape[2] % 32 == 0
    assert np.array_equal(padded[:, :height, :width], picture)


def test_prediction_of_any_size_is_cropped_back(colorizer: Colorizer) -> None:
    """The raw network call takes any height and width too."""
    assert colorizer.predict(np.full((1, 50, 70, 1), 50, np.float32)).ab.shape == (1, 13, 18, 2)


def test_out_of_memory_halves_the_batch(gray: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that does not fit is run in halves, with the same result in every part."""
    colorizer = Colorizer(device="cpu", batch_size=8, size=64)
    guides = [colorizer.shrink(lightness_of(np.roll(gray, shift, axis=0))) for shift in range(7)]
    expected = colorizer.predict(guides, bin_probs=True, features=True)
    original = colorizer._run

    def small_memory(forward: object, batch: np.ndarray) -> dict[str, np.ndarray]:
        if len(batch) > 2:
            raise MemoryError
        return original(forward, batch)

    monkeypatch.setattr(colorizer, "_run", small_memory)
    found = colorizer.predict(guides, bin_probs=True, features=True)
    assert np.array_equal(found.ab, expected.ab)
    assert np.array_equal(found.bin_probs, expected.bin_probs)
    assert np.array_equal(found.features, expected.features)
    assert colorizer.batch_size == 2


def test_saturation_zero_is_gray(gray: np.ndarray) -> None:
    """Without saturation the picture comes back as it was."""
    rgb8 = Colorizer(device="cpu", saturation=0.0).colorize(gray)
    assert np.abs(rgb8.astype(int) - gray[..., None]).max() <= 1


def test_a_faded_print_gets_the_colors_of_a_fresh_one(colorizer: Colorizer, gray: np.ndarray) -> None:
    """Half the contrast costs colors only where the stretch is turned off."""
    faded = np.rint(60 + gray * 0.5).astype(np.uint8)
    plain = Colorizer(device="cpu", stretch=0.0)
    expected, kept, lost = (
        colors.predict([colors.shrink(lightness_of(picture))]).ab
        for colors, picture in ((colorizer, gray), (colorizer, faded), (plain, faded))
    )
    assert np.abs(kept - expected).mean() < 0.5 * np.abs(lost - expected).mean()


def test_a_prediction_tells_more_when_asked() -> None:
    """Probabilities from which the color follows, and the decoder's features: cropped like ab, which stays the same."""
    colorizer = Colorizer(device="cpu", method="annealed-mean")
    lightness = np.random.default_rng(3).uniform(0, 100, (3, 50, 70, 1)).astype(np.float32)
    plain = colorizer.predict(lightness)
    assert plain.bin_probs is plain.features is None
    found = colorizer.predict(lightness, bin_probs=True, features=True)
    bins = colorizer.weights.network.tables["gamut_bins"]
    assert found.features.shape == (3, 13, 18, 128)
    assert found.bin_probs.shape == (3, 13, 18, len(bins))
    assert found.ab.dtype == found.bin_probs.dtype == found.features.dtype == np.float32
    assert np.abs(found.bin_probs.sum(-1) - 1).max() < 1e-5
    assert np.abs(found.ab - plain.ab).max() < 1e-3
    annealed = annealed_mean(np.log(found.bin_probs), bins, colorizer.read_out.vividness)
    assert np.abs(annealed * colorizer.read_out.saturation - plain.ab).max() < 1e-3


def test_nobody_pays_for_what_was_not_asked_for(colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wish has a compiled function of its own, made when it is first asked for."""
    made: list[set[str]] = []
    original = colorizer._backend.compile_function

    def watch(function: Any, shape: Any) -> Any:
        run = original(function, shape)
        return lambda array: made.append(set(run(array))) or run(array)

    monkeypatch.setattr(colorizer, "_known", {})
    monkeypatch.setattr(colorizer._backend, "compile_function", watch)
    lightness = np.full((2, 32, 32, 1), 50, np.float32)
    colorizer.predict(lightness)
    assert len(colorizer._known) == 1
    colorizer.predict(lightness, features=True)
    colorizer.predict(lightness, bin_probs=True)
    assert made == [{"ab"}, {"ab", "features"}, {"ab", "bin_probs"}]


def test_the_read_out_cannot_be_changed_afterwards(colorizer: Colorizer) -> None:
    """It is compiled into the network's function; an assignment that did nothing would be a trap."""
    with pytest.raises(AttributeError):
        colorizer.read_out = ReadOut(saturation=0.0)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"device": "gpu:7"}, DeviceError),
        ({"weights": "no-such"}, WeightsError),
        ({"size": 100}, UsageError),
        ({"vividness": 0.0}, UsageError),
        ({"saturation": -1.0}, UsageError),
        ({"stretch": 95.0}, UsageError),
        ({"saturation": float("nan")}, UsageError),
        ({"vividness": float("inf")}, UsageError),
        ({"size": True}, UsageError),
        ({"method": "no-such"}, UsageError),
        ({"method": "scaled"}, UsageError),
    ],
)
def test_wrong_wishes_are_refused(arguments: dict[str, object], error: type[KoalaError]) -> None:
    """What cannot be granted raises, and is never replaced by something else."""
    with pytest.raises(error):
        Colorizer(**{"device": "cpu", **arguments})


def test_one_point_recolors_a_picture(colorizer: Colorizer, gray: np.ndarray) -> None:
    """A hint is met within 2 ΔE at its pixel, its lightness kept; without hints the bytes are the usual ones."""
    hint = Hint(0.4, 0.6, "12,-14", scope="picture")
    hinted = colorizer.colorize(gray, hints=[hint])
    lab = rgb_to_lab(hinted / np.float32(255))
    found = lab[int(0.6 * 120), int(0.4 * 160)]
    wished = np.array([found[0], *hint.ab], np.float32)
    assert delta_e_2000(wished, found) < 2
    assert np.abs(lab[..., :1] - lightness_of(gray)).max() <= 0.6
    assert np.array_equal(colorizer.colorize(gray, hints=[]), colorizer.colorize(gray))
