"""Where weights files lie, and what their header says of them; asked without starting Keras."""

import json
from pathlib import Path
from typing import Any

from koalacli.errors import WeightsError

FORMAT = 1
SUFFIX = ".safetensors"


def weights_folder() -> Path:
    """Where the shipped weights lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def shipped_weights() -> dict[str, Path]:
    """Shipped weights by name."""
    return {path.stem: path for path in sorted(weights_folder().glob(f"*{SUFFIX}"))}


def find_weights(name_or_path: str | Path) -> tuple[Path, bool]:
    """The file behind a name or path, and whether it is a shipped one.

    Raises:
        WeightsError: there is none.
    """
    shipped = shipped_weights()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)], True
    path = Path(name_or_path)
    if path.is_file():
        return path, False
    known = ", ".join(shipped) or "none"
    raise WeightsError(f"{name_or_path}: no such weights file, and no shipped weights of that name (there is {known})")


def read_header(path: Path) -> dict[str, Any]:
    """What a weights file says of itself; nothing in it is checked against the tensors.

    Raises:
        WeightsError: no weights file, or one of another format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["koala"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise WeightsError(f"{path}: not a koala weights file, or a truncated one ({error})") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        raise WeightsError(f"{path}: weights format {found}; this koala reads format {FORMAT}")
    return header


def stated_digest(name_or_path: str | Path) -> str:
    """The digest that a weights file states: enough to know whether they changed; loading them checks it.

    Raises:
        WeightsError: there is no such file, or it is none of koala's.
    """
    return str(read_header(find_weights(name_or_path)[0]).get("digest", ""))
