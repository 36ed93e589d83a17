"""The arrows of docs/architecture.md: who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "koalacli"

# Top to bottom; names in one row are strangers to each other. A module belongs to the first
# name that its path starts with.
ROWS = [
    ["cli"],
    ["pipelines"],
    ["engines", "report"],
    ["photograph", "colorizer", "metrics", "data", "temporal"],
    ["stream", "model", "io"],
    ["color", "journal", "presets", "weights_files"],
    ["config", "errors", "records"],
]
FENCES = {  # third party -> the only rooms that may import it
    "typer": ["cli"],
    "rich": ["cli"],
    "av": ["io.video"],
    "PIL": ["io"],
    "imageio": ["io"],
    "jpeglib": ["io"],
    "keras": ["model", "pipelines.train"],
    "tensorflow": ["model.backend"],
    "jax": ["model.backend"],
    "torch": ["model.backend"],
    "ray": ["engines.ray"],
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Module name inside the package: io.images."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def row_of(module: str) -> int | None:
    """Row of a module, or None for the package's own front (__init__, __main__)."""
    room = module.split(".")[0]
    return next((row for row, rooms in enumerate(ROWS) if room in rooms), None)


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, but not for type checking only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downward(path: Path) -> None:
    """A module imports only rooms below its own, or modules of its own room."""
    module = name_of(path)
    row = row_of(module)
    if row is None:
        assert module in ("", "__main__")
        return
    for imported in imports_of(path):
        if imported.split(".")[0] != "koalacli" or imported == "koalacli.__version__":
            continue
        target = imported.removeprefix("koalacli.")
        target_row = row_of(target)
        if target_row is None or target.split(".")[0] == module.split(".")[0]:
            continue
        assert target_row > row, f"{module} must not import {target}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_third_parties_stay_behind_their_fences(path: Path) -> None:
    """typer and rich only in cli, av only in io.video, keras only in the model, and so on."""
    module = name_of(path)
    for imported in imports_of(path):
        rooms = FENCES.get(imported.split(".")[0])
        allowed = rooms is None or any(module == room or module.startswith((f"{room}.", f"{room}_")) for room in rooms)
        assert allowed, f"{module} must not import {imported}"


def test_every_module_has_a_row() -> None:
    """A new room has to be drawn into the picture before it is built."""
    assert all(row_of(name_of(path)) is not None for path in MODULES if name_of(path) not in ("", "__main__"))
