"""Values of extractors and trunks that were trained before: from files, from Keras, from shipped weights."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from koalacli.errors import WeightsError
from koalacli.tables import EXTRACTORS, Application, load_part

IMAGENET, KEPT, SHIPPED, RANDOM = "imagenet", "kept", "shipped", "random"
DOWNLOAD = "https://storage.googleapis.com/tensorflow/keras-applications/"


def fill_extractor(extractor: Any, name: str, cut: str, source: str) -> None:
    """Give an external extractor its values.

    Args:
        extractor: as the row's `build` made it; the network inside it is filled, or all of it if there is none inside.
        name, cut: what it is.
        source: kept (by Keras, or a package has it), imagenet (Keras fetches the file and keeps it), random, or a file.

    Raises:
        WeightsError: the values cannot be had; names the file and where it comes from.
    """
    network = next((layer for layer in extractor.layers if isinstance(layer, keras.Model)), extractor)
    if source == RANDOM:
        return
    if EXTRACTORS[name].fill:  # from a package: nothing is ever fetched
        load_part(EXTRACTORS[name].fill)(network, name, IMAGENET if source == KEPT else source)
        return
    if source == KEPT and not _is_kept(name, cut):
        fetch = "--extractor-weights imagenet fetches them" * bool(EXTRACTORS[name].application)
        raise WeightsError(f"{name}: this machine has no values of ImageNet for it; {fetch}; or {_where(name, cut)}")
    if source in (IMAGENET, KEPT):
        network.set_weights(_download(name, cut))
        return
    if not Path(source).is_file():
        raise WeightsError(f"{source}: no such extractor weights; {_where(name, cut)}")
    try:
        network.load_weights(source)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{source}: does not fit {name}, cut {cut} ({error}); {_where(name, cut)}") from error


def _download(name: str, cut: str) -> list[Any]:
    application = EXTRACTORS[name].application
    if application is None:
        raise WeightsError(f"{name}: Keras has no values for it; {_where(name, cut)}")
    try:
        return load_part(application.maker)(include_top=cut != "pooled", weights=IMAGENET).get_weights()
    except Exception as error:  # Keras raises a bare Exception where its download fails
        raise WeightsError(f"{name}: ImageNet weights cannot be fetched ({error}); {_where(name, cut)}") from error


def _is_kept(name: str, cut: str) -> bool:
    """Whether Keras fetched the values once, so that it takes them from its folder."""
    application = EXTRACTORS[name].application
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return application is not None and (home / "models" / weights_file(application, cut)).is_file()


def _where(name: str, cut: str) -> str:
    application = EXTRACTORS[name].application
    if application is None:
        return "give --extractor-weights with a file of Keras, or --extractor-weights random"
    file = weights_file(application, cut)
    return f"give --extractor-weights {file}, from {DOWNLOAD}{application.folder}/{file}, or --extractor-weights random"


def weights_file(application: Application, cut: str) -> str:
    """Name of the Keras file that fits a network and a cut."""
    return application.file.replace("kernels", "kernels_notop") if cut == "pooled" else application.file


@dataclass(frozen=True)
class Trunk:
    """The part of an encoder that was trained before.

    Attributes:
        title: what its values are called in messages.
        prefixes: its layers are those whose names begin so.
        application: the network of the same layers, without its classifier, and its input size in pixels.
    """

    title: str
    prefixes: tuple[str, ...]
    application: Application
    input_size: int


def fill_trunk(core: Any, trunk: Trunk, source: str, shipped: Callable[[], Any]) -> None:
    """Give the trunk inside a network its values; layers that the source lacks stay as they are.

    Args:
        core: the network's trained part.
        trunk: which of its layers, and what of.
        source: shipped, imagenet, random, a Keras file of the application, or a NumPy archive with its names.
        shipped: loads a network whose trunk is taken for `shipped`.

    Raises:
        WeightsError: the values cannot be had, or do not fit.
    """
    if source == RANDOM:
        return
    if source.endswith(".npz"):
        arrays = read_archive(source)
    else:
        donor = shipped() if source == SHIPPED else _application(trunk, source)
        arrays = {
            f"{layer.name}/{variable.name}": variable.numpy() for layer in donor.layers for variable in layer.weights
        }
    found = 0
    for layer in core.layers:
        for variable in layer.weights if layer.name.startswith(trunk.prefixes) else ():
            array = arrays.get(f"{layer.name}/{variable.name}")
            if array is not None and tuple(array.shape) == tuple(variable.shape):
                variable.assign(array.astype("float32"))
                found += 1
    if not found:
        raise WeightsError(f"{source}: holds no values of this trunk; {trunk.title} fits")


def _application(trunk: Trunk, source: str) -> Any:
    file, folder = trunk.application.file, trunk.application.folder
    hint = f"give --extractor-weights {file}, from {DOWNLOAD}{folder}/{file}, or shipped, or random"
    if source != IMAGENET and not Path(source).is_file():
        raise WeightsError(f"{source}: no such trunk weights; {hint}")
    try:
        shape = (trunk.input_size, trunk.input_size, 3)
        return load_part(trunk.application.maker)(include_top=False, weights=source, input_shape=shape)
    except Exception as error:  # Keras raises a bare Exception where its download fails
        raise WeightsError(f"{trunk.title}: values of {source} cannot be had ({error}); {hint}") from error


def read_archive(source: str) -> dict[str, Any]:
    """Arrays of a NumPy archive by their names.

    Raises:
        WeightsError: it is none.
    """
    try:
        with np.load(source) as archive:
            return {name.replace("/depthwise_kernel", "/kernel"): archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise WeightsError(f"{source}: not a readable NumPy archive ({error})") from error
