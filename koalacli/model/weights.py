"""Weights files: a whole model in one safetensors file, loaded strictly.

The header holds, as JSON under the key `koala`: format version, network config, read-out
settings, the provenance, and a SHA-256 over all of it and every tensor. safetensors
is a table of plain arrays; nothing in a file can execute.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.errors import TrainingError, WeightsError
from koalacli.model.fold import Tensors, fold_tensors
from koalacli.model.header import parse_header
from koalacli.model.network import Network, build_network
from koalacli.settings import ReadOut
from koalacli.weights_files import FORMAT, WeightsFile, not_weights, open_weights
from koalacli.weights_files import shipped_weights as shipped_weights
from koalacli.weights_files import weights_folder as weights_folder


@dataclass(frozen=True)
class Weights:
    """What a weights file holds.

    Attributes:
        name: file name without suffix, or the name it was asked for by.
        network: built and filled.
        read_out: settings its makers calibrated.
        provenance: how the values came about: data, terms, recipe, figures.
        digest: SHA-256, hexadecimal, over config, provenance and tensors.
    """

    name: str
    network: Network
    read_out: ReadOut
    provenance: dict[str, Any]
    digest: str


def encode_weights(network: Network, read_out: ReadOut, provenance: dict[str, Any]) -> tuple[bytes, str]:
    """The bytes of a weights file, float16 on disk, and its digest.

    Raises:
        TrainingError: a value is beyond float16, or no number at all.
    """
    from safetensors.numpy import save

    tensors = {name: _to_disk(name, array) for name, array in network_tensors(network).items()}
    for name, array in tensors.items():
        if not np.isfinite(array).all():  # behind tanh the loss may be a number all the same
            raise TrainingError(f"{name} has grown too large to be stored; a smaller --lr may help")
    header = {
        "format": FORMAT,
        # What says nothing is left out, here and below, so that koalas of before the setting can read the file.
        "network": {name: value for name, value in asdict(network.config).items() if (name, value) != ("width", 1.0)},
        "read_out": {name: value for name, value in asdict(read_out).items() if value != ""},
        "record": provenance,  # so named since the first files
    }
    digest = _digest(header, tensors)
    return save(tensors, metadata={"koala": json.dumps({**header, "digest": digest})}), digest


def load_weights(source: str | Path | WeightsFile, *, folded: bool = False) -> Weights:
    """Load shipped weights by name or any weights file by path.

    Args:
        source: name or path, as for `open_weights`, or the file that it has opened.
        folded: fold BatchNorm into the convolutions: faster, and only good for inference.

    Raises:
        WeightsError: missing, truncated, altered, or not matching the network it names.
    """
    file = source if isinstance(source, WeightsFile) else open_weights(source)
    path, header = file.path, file.header
    if file.shipped:  # the digest inside needs no check of its own then
        _check_shipped(file)
    tensors = _tensors_of(file)
    if not file.shipped and file.digest != _digest(_without_digest(header), tensors):
        raise WeightsError(f"{path}: contents do not match their digest; the file is damaged, fetch it again")
    try:
        config, read_out = parse_header(header)
    except ValueError as error:
        raise WeightsError(f"{path}: its header describes no network that koala knows: {error}") from error
    for name, array in tensors.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise WeightsError(f"{path}: {name} ({array.dtype}) does not hold finite real numbers; fetch another file")
    tables = {key: tensors[key].astype(np.float32) for key in TABLES if key in tensors}
    for key, shape in {"gamut_bins": (config.bins, 2), "bin_prior": (config.bins,)}.items():
        if config.bins and (key == "gamut_bins" or key in tables) and tables.get(key, np.empty(0)).shape != shape:
            raise WeightsError(f"{path}: {key} are missing or of the wrong shape")
    try:
        network = build_network(config, tables, folded=folded)
        folded_tensors = fold_tensors(tensors) if folded else tensors
    except (KeyError, ValueError, IndexError) as error:  # parts or arrays that are known, and do not go together
        raise WeightsError(f"{path}: the parts of its network do not fit each other ({error})") from error
    fill_network(network, folded_tensors, str(path))
    return Weights(path.stem, network, read_out, header["record"], file.digest)


TABLES = ("gamut_bins", "bin_prior")  # stored as they are, beside the trained tensors


def network_tensors(network: Network) -> Tensors:
    """All arrays of a network by their name on disk."""
    tensors = {name: np.asarray(variable.numpy()) for name, variable in _variables(network)}
    return {**tensors, **{key: np.asarray(network.tables[key]) for key in TABLES if key in network.tables}}


def fill_network(network: Network, tensors: Tensors, source: str) -> None:
    """Put arrays into a network; names and shapes must match exactly, or WeightsError says how not."""
    variables = dict(_variables(network))
    given = {name for name in tensors if name not in TABLES}
    if missing := sorted(variables.keys() - given):
        raise WeightsError(f"{source}: {len(missing)} arrays are missing, the first is {missing[0]}")
    if surplus := sorted(given - variables.keys()):
        raise WeightsError(f"{source}: {len(surplus)} arrays belong to another network, the first is {surplus[0]}")
    for name, variable in variables.items():
        if tuple(variable.shape) != tensors[name].shape:
            raise WeightsError(f"{source}: {name} has shape {tensors[name].shape}, not {tuple(variable.shape)}")
        variable.assign(tensors[name].astype(np.float32))


def _variables(network: Network) -> Iterator[tuple[str, Any]]:
    """Names on disk: layer/variable for the core; numbered for the extractor, whose layers have no stable names."""
    for layer in network.core.layers:
        for variable in layer.weights:
            yield f"{layer.name}/{variable.name}", variable
    if network.extractor is not None:
        for number, variable in enumerate(network.extractor.weights):
            yield f"extractor/{number:04d}/{variable.name}", variable


def _to_disk(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """float16, except where its range or precision is too small: BatchNorm variances and tables."""
    wide = name in TABLES or name.endswith("moving_variance")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array.astype(np.float32 if wide else np.float16))


def round_to_disk(model: Any, origin: str) -> None:
    """Round a model's values to what a weights file keeps of them.

    Raises:
        WeightsError: one is beyond float16; the message names `origin`, where they are from.
    """
    for variable in model.weights:
        stored = _to_disk(variable.name, variable.numpy())
        if not np.isfinite(stored).all():
            raise WeightsError(
                f"{origin}: {variable.path} is beyond float16 or no number, so it cannot be kept in weights; "
                "give other --extractor-weights"
            )
        variable.assign(stored.astype(np.float32))


def _digest(header: dict[str, Any], tensors: Tensors) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def _without_digest(header: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in header.items() if key != "digest"}


def _tensors_of(file: WeightsFile) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(file.content))
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise not_weights(file.path, error) from error


def _check_shipped(file: WeightsFile) -> None:
    sums = (file.path.parent / "SHA256SUMS").read_text("utf-8").split()
    digest = hashlib.sha256(file.content).hexdigest()
    if (digest, file.path.name) not in zip(sums[::2], sums[1::2], strict=True):
        raise WeightsError(f"{file.path}: does not match weights/SHA256SUMS; reinstall koala")
