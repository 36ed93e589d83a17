"""Weights files: strict, checked, unable to execute."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from koalacli.errors import WeightsError
from koalacli.model import weights
from koalacli.model.weights import encode_weights, load_weights, network_tensors
from koalacli.settings import ReadOut
from koalacli.weights_files import open_weights, shipped_weights

KOALA = shipped_weights()["koala"]


@pytest.fixture(scope="module")
def loaded():
    """The shipped weights."""
    return load_weights("koala")


def header_of(path: Path) -> dict[str, object]:
    """The JSON that a weights file carries."""
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["koala"])


def test_saving_and_loading_keeps_everything(loaded, tmp_path: Path) -> None:
    """A file written from a loaded network loads to the same arrays, settings and record."""
    path = tmp_path / "copy.safetensors"
    content, digest = encode_weights(loaded.network, ReadOut(size=224), loaded.provenance)
    path.write_bytes(content)
    again = load_weights(path)
    assert again.digest == open_weights(path).digest == digest
    assert again.read_out == ReadOut(size=224)
    assert again.provenance == loaded.provenance
    expected = network_tensors(loaded.network)
    assert all(np.array_equal(value, expected[name]) for name, value in network_tensors(again.network).items())


def test_shipped_weights_match_their_sums() -> None:
    """Every shipped file is listed with its SHA-256, and stays below 40 MB in float16."""
    for path in shipped_weights().values():
        load_weights(path.stem)
        assert path.stat().st_size < 40_000_000


@pytest.mark.parametrize("keep", [0, 7, 1000, 100_000, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    """Cut anywhere, the file is reported as damaged."""
    path = tmp_path / "cut.safetensors"
    path.write_bytes(KOALA.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"cut\.safetensors"):
        load_weights(path)


def test_one_flipped_bit_is_refused(tmp_path: Path) -> None:
    """A file that was altered anywhere in its arrays does not load."""
    path = tmp_path / "flipped.safetensors"
    data = bytearray(KOALA.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="digest"):
        load_weights(path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"network": {"preset": "koala"}},
        {"network": {"preset": "unknown"}},
        {"network": None},
        {"read_out": {"size": "__import__('os')"}},
        {"record": "other"},
    ],
)
def test_an_altered_header_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """Another network, format or record than was written does not load."""
    path = tmp_path / "altered.safetensors"
    header = {**header_of(KOALA), **change}
    save_file(load_file(KOALA), path, metadata={"koala": json.dumps(header)})
    with pytest.raises(WeightsError):
        load_weights(path)


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("read_out", {"saturation": float("nan")}, "saturation is nan"),
        ("read_out", {"vividness": 0}, "vividness 0 is not a number, 0.05 or more"),
        ("read_out", {"stretch": "80"}, "stretch is '80'"),
        ("read_out", {"size": 192.5}, r"size is 192\.5"),
        ("read_out", {"size": 2**40}, "8192 at most"),
        ("read_out", {"saturation": 10**400}, "saturation 1000"),
        ("read_out", {"method": "mode"}, "method 'mode' is none for this network; there is annealed-mean"),
        ("read_out", {"sharpness": 1.0}, "sharpness"),
        ("network", {"decoder": "v-shaped"}, "decoder 'v-shaped' is unknown; there is .*u-shaped"),
        ("network", {"head": "ab"}, "bins 305 do not go with head ab"),
        ("network", {"lightness_scale": float("inf")}, "lightness_scale is inf"),
        ("network", {"lightness_scale": 0.0}, "lightness_scale 0.0 is not between"),
        ("network", {"output_stride": 3}, "output_stride 3 does not divide"),
        ("network", {"embedding_size": 2**40}, "embedding_size"),
        ("network", {"encoder": "koalarization"}, "do not fit each other"),
    ],
)
def test_a_senseless_header_is_refused_in_words(tmp_path: Path, part: str, change: dict[str, Any], told: str) -> None:
    """Every number is finite and in its range, every word in its table; a right digest does not help."""
    path = tmp_path / "senseless.safetensors"
    header = header_of(KOALA)
    header[part] = {**header[part], **change}
    header.pop("digest")
    tensors = load_file(KOALA)
    save_file(tensors, path, metadata={"koala": json.dumps({**header, "digest": weights._digest(header, tensors)})})
    with pytest.raises(WeightsError, match=told):
        load_weights(path)


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    """A file of another program is not a koala weights file."""
    path = tmp_path / "other.safetensors"
    save_file({"x": np.zeros(3, np.float32)}, path)
    with pytest.raises(WeightsError, match="not a koala weights file"):
        load_weights(path)


def test_shipped_weights_are_checked_against_the_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shipped file that was replaced is refused even if it is whole in itself."""
    shutil.copy(KOALA, tmp_path / "koala.safetensors")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  koala.safetensors\n")
    monkeypatch.setattr("koalacli.weights_files.weights_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="SHA256SUMS"):
        load_weights("koala")


def test_folded_weights_give_the_same_outputs(loaded) -> None:
    """With BatchNorm folded into the convolutions the network computes the same function."""
    folded = load_weights("koala", folded=True)
    lightness = np.random.default_rng(0).uniform(0, 100, (2, 64, 64, 1)).astype(np.float32)
    plain, fast = (np.asarray(weights.network.model(lightness, training=False)) for weights in (loaded, folded))
    assert len(folded.network.model.layers) < len(loaded.network.model.layers)
    assert np.abs(plain - fast).max() < 1e-3 * np.abs(plain).max()


def _spoiled(array: np.ndarray, how: str) -> np.ndarray:
    return {
        "nan": np.full_like(array, np.nan),
        "inf": np.full_like(array, np.inf),
        "whole numbers": np.zeros(array.shape, np.int64),
        "truth values": np.zeros(array.shape, bool),
        "a scalar": np.zeros((), np.float16),
        "a short array": np.zeros(3, np.float32),
    }[how]


@pytest.mark.parametrize("name", ["kernel", "gamut_bins", "bin_prior"])
@pytest.mark.parametrize("how", ["nan", "inf", "whole numbers", "truth values", "a scalar", "a short array"])
def test_tensors_that_lie_are_refused(tmp_path: Path, name: str, how: str) -> None:
    """No finite real numbers, or another shape: one line, although the digest is right."""
    tensors, header = load_file(KOALA), header_of(KOALA)
    key = next(key for key in sorted(tensors) if name in key)
    tensors[key] = _spoiled(tensors[key], how)
    header.pop("digest")
    path = tmp_path / "lie.safetensors"
    save_file(tensors, path, metadata={"koala": json.dumps({**header, "digest": weights._digest(header, tensors)})})
    with pytest.raises(WeightsError, match=r"lie\.safetensors: "):
        load_weights(path, folded=True)
