"""Where weights files lie, and what their header says of them; asked without starting Keras."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koalacli.errors import WeightsError

FORMAT = 1
SUFFIX = ".safetensors"
LENGTH = 8  # bytes at the start of a safetensors file that hold the length of its own header, little-endian


@dataclass(frozen=True)
class WeightsFile:
    """A weights file, read once: what it says of itself, and the bytes that `model.weights.load_weights` takes.

    Attributes:
        path: where it lies.
        shipped: whether it came with koala.
        header: network, read-out, record; nothing in it is checked against the tensors.
        content: the whole file.
    """

    path: Path
    shipped: bool
    header: dict[str, Any]
    content: bytes

    @property
    def digest(self) -> str:
        """The digest that it states: enough to know whether weights changed; loading checks it."""
        return str(self.header.get("digest", ""))


def weights_folder() -> Path:
    """Where the shipped weights lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def shipped_weights() -> dict[str, Path]:
    """Shipped weights by name."""
    return {path.stem: path for path in sorted(weights_folder().glob(f"*{SUFFIX}"))}


def open_weights(name_or_path: str | Path) -> WeightsFile:
    """Read a weights file; shipped weights win over a file of the same name.

    Raises:
        WeightsError: there is none, it is no weights file, or one of another format.
    """
    path, shipped = _find(name_or_path)
    try:
        content = path.read_bytes()
        end = LENGTH + int.from_bytes(content[:LENGTH], "little")
        header = json.loads(json.loads(content[LENGTH:end])["__metadata__"]["koala"])
    except (OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise not_weights(path, error) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        raise WeightsError(f"{path}: weights format {found}; this koala reads format {FORMAT}")
    return WeightsFile(path, shipped, header, content)


def not_weights(path: Path, error: Exception) -> WeightsError:
    """The error for a file that cannot be read as weights."""
    return WeightsError(f"{path}: not a koala weights file, or a truncated one ({error})")


def _find(name_or_path: str | Path) -> tuple[Path, bool]:
    """The file behind a name or path, and whether it is a shipped one."""
    shipped = shipped_weights()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)], True
    path = Path(name_or_path)
    if path.is_file():
        return path, False
    known = ", ".join(shipped) or "none"
    raise WeightsError(f"{name_or_path}: no such weights file, and no shipped weights of that name (there is {known})")
