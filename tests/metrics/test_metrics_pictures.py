"""Metrics of one picture against scikit-image, published vectors and cases made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from koalacli.errors import InputError
from koalacli.metrics import pictures
from koalacli.metrics.comparison import Comparison, View
from koalacli.metrics.results import measure
from koalacli.metrics.table import METRICS

# Sharma, Wu, Dalal (2005), table 1: L1 a1 b1 L2 a2 b2 and the difference.
SHARMA = np.array(
    [
        [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
        [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
        [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
        [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
        [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
        [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
        [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
        [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
        [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
        [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Smooth colors and a disturbed copy, uint8 (40, 56, 3)."""
    rng = np.random.default_rng(3)
    small = rng.integers(0, 256, (5, 7, 3))
    reference = np.kron(small, np.ones((8, 8, 1))).astype(np.uint8)
    return reference, np.clip(reference + rng.integers(-40, 41, reference.shape), 0, 255).astype(np.uint8)


def flat(*rgb: int) -> np.ndarray:
    """A picture of one color, uint8 (16, 16, 3)."""
    return np.full((16, 16, 3), rgb, np.uint8)


@pytest.mark.parametrize("row", SHARMA, ids=[str(number) for number in range(1, 35)])
def test_delta_e_2000_gives_the_published_differences(row: np.ndarray) -> None:
    """All 34 pairs of Sharma, Wu and Dalal, to their four decimals, both ways round."""
    assert pictures.delta_e_2000(row[:3], row[3:6]) == pytest.approx(row[6], abs=5e-5)
    assert pictures.delta_e_2000(row[3:6], row[:3]) == pytest.approx(row[6], abs=5e-5)


def test_delta_e_2000_agrees_with_scikit_image_in_single_precision(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Float32, as pictures are judged, costs less than a hundredth of a visible difference."""
    comparison = Comparison(*map(View, pair))
    truth = deltaE_ciede2000(*(rgb2lab(rgb8) for rgb8 in pair))
    np.testing.assert_allclose(comparison.delta_e, truth, atol=0.01)


def test_psnr_agrees_with_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """All pixels and channels, peak 255."""
    assert pictures.psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair), abs=1e-9)


def test_psnr_of_a_known_shift() -> None:
    """A shift of 5 codes in every channel is 20 log10(255 / 5) dB, in either direction."""
    assert pictures.psnr(flat(10, 20, 30), flat(15, 25, 35)) == pytest.approx(34.1514, abs=1e-4)
    assert pictures.psnr(flat(15, 25, 35), flat(10, 20, 30)) == pytest.approx(34.1514, abs=1e-4)


def test_ssim_agrees_with_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Gaussian window of 11 and sigma 1.5, population covariance, mean over channels."""
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    truth = structural_similarity(*pair, channel_axis=2, **settings)
    assert pictures.ssim(*map(pictures.moments, pair)) == pytest.approx(truth, abs=1e-5)


def test_ab_errors_of_a_known_shift() -> None:
    """A shift of (3, 4) has the root mean square sqrt(12.5) over planes, and 5 as distance."""
    reference = np.zeros((4, 4, 2), np.float32)
    shifted = reference + np.array([3, 4], np.float32)
    assert pictures.rmse_ab(reference, shifted) == pytest.approx(np.sqrt(12.5))
    assert pictures.psnr_ab(reference, shifted) == pytest.approx(10 * np.log10(255**2 / 12.5))
    # Thresholds 5, 6, ... 150 are met: 146 of 151.
    np.testing.assert_allclose(pictures.auc_credits(reference, shifted), 146 / 151, rtol=1e-6)


@pytest.mark.parametrize(("error", "met"), [(0, 151), (0.5, 150), (1, 150), (149.5, 1), (150, 1), (150.5, 0), (260, 0)])
def test_auc_counts_the_thresholds_that_an_error_does_not_exceed(error: float, met: int) -> None:
    """Thresholds are 0, 1, ... 150, and an error equal to one meets it."""
    ab = np.array([[[error, 0]]], np.float32)
    assert pictures.auc_credits(ab, np.zeros_like(ab))[0, 0] * 151 == pytest.approx(met, rel=1e-6)


def test_auc_is_the_mean_of_the_curve(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """The shortcut over pixels equals the curve that the paper describes, computed the long way."""
    comparison = Comparison(*map(View, pair))
    error = np.linalg.norm(comparison.reference.ab - comparison.prediction.ab, axis=-1)
    curve = np.array([(error <= threshold).mean() for threshold in range(151)])
    np.testing.assert_allclose(comparison.share_within(), curve, atol=1e-6)
    assert measure(comparison).values["auc"] == pytest.approx(100 * curve.mean(), abs=1e-4)


def test_colorfulness_of_a_checkerboard_is_the_published_formula() -> None:
    """Red and cyan: rg is ±255, yb ±127.5; signed, their means vanish. Absolute values would give another number."""
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[::2], picture[1::2] = (255, 0, 0), (0, 255, 255)
    assert pictures.colorfulness(picture) == pytest.approx(np.hypot(255, 127.5), rel=1e-6)
    assert pictures.colorfulness(flat(90, 90, 90)) == 0
    assert pictures.colorfulness(flat(200, 100, 50)) == pytest.approx(0.3 * np.hypot(100, 100), rel=1e-6)


@pytest.mark.parametrize("turn", [0, 10, 50, 130, 300])
def test_hue_distance_is_the_angle_of_a_turn(turn: int) -> None:
    """Turning all hues by an angle moves the histogram by that angle, the short way round."""
    hue = np.deg2rad(np.linspace(5, 45, 5).repeat(10).reshape(5, 10))
    colors = [20 * np.stack([np.cos(h), np.sin(h)], -1).astype(np.float32) for h in (hue, hue + np.deg2rad(turn))]
    distance = pictures.hue_distance(*map(pictures.hue_histogram, colors))
    assert distance == pytest.approx(min(turn, 360 - turn), abs=1e-6)


def test_hue_histogram_of_gray_says_nothing() -> None:
    """Rounding noise of 8-bit gray is no hue: all sectors are alike."""
    np.testing.assert_allclose(pictures.hue_histogram(View(flat(77, 77, 77)).ab), 1 / 36)


def test_identical_pictures_are_perfect(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Every metric of a picture with itself is at its best value."""
    comparison = Comparison(View(pair[0]), View(pair[0].copy()))
    values = measure(comparison).values
    best = {"psnr": 100, "psnr_ab": 100, "ssim": 1, "auc": 100}
    for name in values:
        if METRICS[name].better in ("higher", "lower"):
            assert values[name] == pytest.approx(best.get(name, 0), abs=1e-6), name
    assert values["colorfulness"] == values["colorfulness_reference"]
    assert values["chroma"] == values["chroma_reference"]


def test_gray_scores_well_on_raw_auc() -> None:
    """The trap of the raw score: no color at all still keeps 1 - chroma / 151 of the curve."""
    reference = View(flat(150, 120, 110))
    gray = View(flat(126, 126, 126))
    chroma = float(np.hypot(*reference.ab[0, 0]))
    expected = 100 * (151 - np.ceil(chroma)) / 151
    assert measure(Comparison(reference, gray)).values["auc"] == pytest.approx(expected, abs=1e-4)
    assert expected > 90


def test_nearest_bins_round_to_the_grid() -> None:
    """Bins are the nearest points of the 10-unit grid."""
    ab = np.array([[0, 0], [4.9, -4.9], [5.1, 0], [-128, 127]], np.float32)
    origin, same, right, corner = pictures.nearest_bins(ab)
    assert origin == same == 13 * 27 + 13
    assert right == 14 * 27 + 13
    assert corner == 0 * 27 + 26


def test_a_picture_smaller_than_the_window_cannot_be_judged() -> None:
    """SSIM has no value there, so the picture is refused as a whole."""
    with pytest.raises(InputError, match="too few"):
        View(np.zeros((10, 40, 3), np.uint8))


def test_different_sizes_cannot_be_compared() -> None:
    """Nothing is resized behind the user's back."""
    with pytest.raises(InputError, match="16x20"):
        Comparison(View(flat(1, 2, 3)), View(np.zeros((20, 16, 3), np.uint8)))


LAB = some.tuples(some.floats(0, 100), some.floats(-110, 110), some.floats(-110, 110)).map(np.array)


@given(one=LAB, other=LAB)
def test_delta_e_2000_is_the_same_both_ways_and_zero_for_equals(one: np.ndarray, other: np.ndarray) -> None:
    """Symmetric, never negative, never undefined."""
    there, back = pictures.delta_e_2000(one, other), pictures.delta_e_2000(other, one)
    assert np.isfinite(there)
    assert there == pytest.approx(back, abs=1e-6)
    assert pictures.delta_e_2000(one, one) == 0


@given(shares=arrays(np.float64, (3, 36), elements=some.floats(0.01, 1)))
def test_hue_distance_is_a_distance(shares: np.ndarray) -> None:
    """Zero to itself, the same both ways, at most 180 degrees, and no detour is shorter."""
    one, other, third = shares / shares.sum(1, keepdims=True)
    distance = pictures.hue_distance
    assert distance(one, one) == 0
    assert distance(one, other) == pytest.approx(distance(other, one))
    assert distance(one, other) <= min(180, distance(one, third) + distance(third, other)) + 1e-9


@given(seed=some.integers(0, 10_000), error=some.integers(1, 60))
def test_more_error_never_scores_better(seed: int, error: int) -> None:
    """PSNR and AuC fall when every pixel moves farther in the same direction."""
    reference = np.random.default_rng(seed).integers(0, 100, (16, 16, 3), dtype=np.uint8)
    near, far = reference + np.array([error, 0, 0], np.uint8), reference + np.array([2 * error, 0, 0], np.uint8)
    assert pictures.psnr(reference, near) > pictures.psnr(reference, far)
    near_auc, far_auc = (measure(Comparison(View(reference), View(made))).values["auc"] for made in (near, far))
    assert near_auc >= far_auc
