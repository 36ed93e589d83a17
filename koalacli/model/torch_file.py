"""Read the arrays of a PyTorch file of 2020 without PyTorch, and without running what is in it.

Such a file is five things in a row: a magic number, a version, sizes of types, the pickled dict of
tensors, and the pickled order of their storages; then the storages, each a count and its values.
The pickles may build nothing but dicts and tensors here: anything else they name is refused.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8"}
COUNT = np.dtype("<i8")  # written before the values of each storage


@dataclass(frozen=True)
class _Tensor:
    """A tensor whose values come later in the file: dtype and key of their storage, and where in it they lie."""

    dtype: str
    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in values


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        }
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a file of tensors")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Any:
        _kind, dtype, key, *_rest = pid
        return dtype, key


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a file by name.

    Raises:
        ValueError: it is no such file, is cut short, or names anything but tensors.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            if _Unpickler(file).load() != MAGIC:
                raise ValueError("it has another beginning")
            for _version_and_sizes in range(2):
                _Unpickler(file).load()
            tensors: dict[str, _Tensor] = _Unpickler(file).load()
            order: list[str] = _Unpickler(file).load()
            dtypes = {tensor.storage: tensor.dtype for tensor in tensors.values()}
            storages = {key: _read_storage(file, dtypes[key]) for key in order}
            return {name: _view(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}
        except (pickle.UnpicklingError, EOFError, AttributeError, KeyError, IndexError, TypeError) as error:
            raise ValueError(str(error)) from error


def _rebuild(storage: tuple[str, str], offset: int, shape: Any, strides: Any, *_unused: Any) -> _Tensor:
    return _Tensor(*storage, offset, tuple(shape), tuple(strides))


def _read_storage(file: BinaryIO, dtype: str) -> NDArray[Any]:
    count = int(np.frombuffer(file.read(COUNT.itemsize), COUNT)[0])
    return np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype, count)


def _view(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[Any]:
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset < 0 or min(tensor.strides, default=0) < 0 or last >= len(storage):
        raise ValueError("a tensor lies outside its storage")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.array(as_strided(storage[tensor.offset :], tensor.shape, strides))
