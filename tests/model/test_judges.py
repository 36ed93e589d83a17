"""Judging networks: LPIPS against a plain NumPy version, FID against SciPy, files that do not fit."""

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import save_file
from scipy.linalg import sqrtm

from koalacli.errors import WeightsError
from koalacli.metrics.frechet import FeatureSet, frechet_distance
from koalacli.model.judges import InceptionFeatures, Lpips

SIZES = {"net.slice1.0": (64, 3, 11), "net.slice2.3": (192, 64, 5), "net.slice3.6": (384, 192, 3)}
SIZES |= {"net.slice4.8": (256, 384, 3), "net.slice5.10": (256, 256, 3)}


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    """Random tensors of the right shapes; distances need weights that are not negative."""
    rng = np.random.default_rng(4)
    made = {}
    for number, (name, (outputs, inputs, side)) in enumerate(SIZES.items()):
        made[f"{name}.weight"] = rng.normal(0, 0.05, (outputs, inputs, side, side)).astype(np.float32)
        made[f"{name}.bias"] = rng.normal(0, 0.1, outputs).astype(np.float32)
        made[f"lin{number}.model.1.weight"] = rng.random((1, outputs, 1, 1)).astype(np.float32)
    return made


def plain_lpips(state: dict[str, np.ndarray], reference: np.ndarray, prediction: np.ndarray) -> float:
    """The published definition, channels first, one picture at a time."""

    def features(rgb8: np.ndarray) -> list[np.ndarray]:
        shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
        x = (((rgb8 / 127.5 - 1) - shift) / scale).transpose(2, 0, 1)
        found = []
        for name in SIZES:
            if name in ("net.slice2.3", "net.slice3.6"):
                x = sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2].max((-2, -1))
            pad = 1 if name[9] in "345" else 2
            step = 4 if name[9] == "1" else 1
            kernel = state[f"{name}.weight"]
            padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
            windows = sliding_window_view(padded, kernel.shape[2:], (1, 2))[:, ::step, ::step]
            x = np.maximum(
                np.einsum("chwij,ocij->ohw", windows, kernel, optimize=True) + state[f"{name}.bias"][:, None, None], 0
            )
            found.append(x)
        return found

    total = 0.0
    for number, pair in enumerate(zip(features(reference), features(prediction), strict=True)):
        one, other = (x / (np.sqrt((x**2).sum(0)) + 1e-10) for x in pair)
        total += float((((one - other) ** 2) * state[f"lin{number}.model.1.weight"][0]).sum(0).mean())
    return total


def test_lpips_follows_the_published_definition(state: dict[str, np.ndarray], tmp_path: Path) -> None:
    """Shift, scale, five layers, unit vectors, weights, mean over places, sum over layers."""
    save_file(state, tmp_path / "lpips.safetensors")
    rng = np.random.default_rng(1)
    reference, prediction = rng.integers(0, 256, (2, 70, 83, 3), dtype=np.uint8)
    same, other = Lpips(tmp_path / "lpips.safetensors")(reference, [reference, prediction])
    assert same == 0
    assert other == pytest.approx(plain_lpips(state, reference, prediction), rel=1e-4)


def test_lpips_has_no_value_for_tiny_pictures(state: dict[str, np.ndarray], tmp_path: Path) -> None:
    """They would vanish in the network."""
    save_file(state, tmp_path / "lpips.safetensors")
    tiny = np.zeros((40, 90, 3), np.uint8)
    assert np.isnan(Lpips(tmp_path / "lpips.safetensors")(tiny, [tiny])).all()


def test_frechet_distance_agrees_with_scipy() -> None:
    """Means, covariances and the matrix square root."""
    rng = np.random.default_rng(2)
    samples = rng.normal(0, 1, (40, 6)), rng.normal(0.5, 2, (50, 6)) @ rng.normal(0, 1, (6, 6))
    sets = FeatureSet(), FeatureSet()
    for features, gathered in zip(samples, sets, strict=True):
        for row in features:
            gathered.add(row)
    (mean, covariance), (other_mean, other_covariance) = ((rows.mean(0), np.cov(rows.T)) for rows in samples)
    root = np.real(sqrtm(covariance @ other_covariance))
    truth = np.sum((mean - other_mean) ** 2) + np.trace(covariance + other_covariance - 2 * root)
    assert frechet_distance(*sets) == pytest.approx(truth, rel=1e-6)
    assert frechet_distance(sets[0], sets[0]) == pytest.approx(0, abs=1e-6)
    assert np.isnan(frechet_distance(FeatureSet(), sets[0]))


def test_files_that_hold_another_network_are_refused(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    """Missing, not a file of that kind, or tensors missing: one line each."""
    (tmp_path / "text.safetensors").write_bytes(b"nothing")
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    for name in ("absent.safetensors", "text.safetensors", "other.safetensors"):
        with pytest.raises(WeightsError, match=name):
            Lpips(tmp_path / name)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving, with NumPy 2
def test_inception_features_come_from_the_users_file(tmp_path: Path) -> None:
    """Weights saved by Keras are read back and used; pictures are stretched to 299x299."""
    import keras

    network = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(299, 299, 3), pooling="avg")
    network.save_weights(tmp_path / "inception.weights.h5")
    picture = np.random.default_rng(1).integers(0, 256, (299, 299, 3), dtype=np.uint8)
    features = InceptionFeatures(tmp_path / "inception.weights.h5")([picture])
    assert features.shape == (1, 2048)
    scaled = picture[None] / np.float32(127.5) - np.float32(1)
    np.testing.assert_allclose(features, np.asarray(network(scaled, training=False)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("content", [None, b"nothing"])
def test_files_that_are_no_inception_are_refused(
    tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing or of another kind: one line with its name. A small network stands in, for speed."""
    import keras

    small = keras.Sequential([keras.layers.Input((299, 299, 3)), keras.layers.GlobalAveragePooling2D()])
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **_: small)
    if content:
        (tmp_path / "bad.weights.h5").write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.weights\.h5"):
        InceptionFeatures(tmp_path / "bad.weights.h5")
