"""The arrows of docs/architecture.md: who may import whom, between rooms and inside them."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "koalacli"

# Top to bottom, per room; names in one row are strangers to each other. "" is the house itself. A module belongs to
# the name of its room that its path begins with.
ROWS = {
    "": [
        ["cli", "api"],
        ["pipelines"],
        ["engines", "report"],
        ["photograph", "colorizer", "metrics", "data", "temporal"],
        ["control", "predictor"],
        ["stream", "model", "io"],
        ["color", "journal", "weights_files"],
        ["origins", "journal_lines"],
        ["train_config", "try_config"],
        ["config"],
        ["values"],
        ["settings"],
        ["presets", "protocols", "tables", "palettes", "family", "prediction"],
        ["errors", "records", "arrays", "kinds", "version", "process"],
    ],
    "pipelines": [
        ["watch", "review"],
        ["colorize", "video", "train", "evaluate", "archive", "export", "doctor", "gallery", "looks"],
        ["shards", "refusals"],
    ],
    "pipelines.review": [["pipeline", "server"], ["film"], ["pictures"]],
    "pipelines.archive": [["verify", "revert"], ["proofs"]],
    "pipelines.train": [
        ["loop"],
        ["follower"],
        ["card", "team"],
        ["pictures"],
        ["validation"],
        ["session"],
        ["adversarial"],
        ["steps"],
        ["embedder", "folder", "events", "tensorboard"],
    ],
    "pipelines.evaluate": [
        ["pipeline"],
        ["outputs"],
        ["clips", "hints"],
        ["judge", "networks"],
        ["subjects", "protocols"],
        ["items"],
    ],
    "engines": [["local", "cluster"], ["ray"], ["outfit"], ["worker", "pool", "announced"], ["library"]],
    "photograph": [
        ["journey"],
        ["existing"],
        ["proposals", "sidecars", "labels"],
        ["canvas"],
        ["guides", "proofs", "places"],
    ],
    "io": [
        ["manifest"],
        ["side_outputs", "store_plan", "store_journal", "tar"],
        ["paths", "film"],
        ["rules"],
        ["arguments"],
        ["suffixes"],
        ["picture"],
        ["jpeg"],
        ["texts"],
        ["collisions", "files", "locks", "walk", "storage"],
    ],
    "model": [
        ["onnx_graph"],
        ["onnx_coherence"],
        ["weights", "recipes", "optimizers", "judges"],
        ["header"],
        ["read_outs"],
        ["coherence"],
        ["fold", "network", "losses", "efficientnet_lite"],
        ["family", "iizuka", "larsson"],
        ["extractors", "heads", "pretrained"],
        ["patch_gan", "hue_chroma"],
        ["layers", "torch_file"],
        ["backend"],
    ],
    "model.backend": [["devices"], ["trace", "machines"]],
    "control": [
        ["film_decisions"],
        ["decisions"],
        ["bind"],
        ["films"],
        ["book", "painted"],
        ["references"],
        ["solver"],
        ["hints", "floors", "proposals", "lesson", "palette"],
        ["colors", "kernel"],
    ],
    "color": [
        ["cbcr_jpeg"],
        ["join", "probe", "surroundings"],
        ["layer", "upsample", "gamut", "bins", "cbcr_video", "levels", "tone", "shapes"],
        ["lab"],
        ["strips"],
    ],
}
FENCES = {  # third party -> the only rooms that may import it
    "typer": ["cli"],
    "rich": ["cli"],
    "av": ["io.film"],
    "PIL": ["io"],
    "tifffile": ["io"],
    "imagecodecs": ["io"],
    "imageio": ["io"],
    "jpeglib": ["io"],
    "keras": ["model", "pipelines.train"],
    "tensorflow": ["model.backend"],
    "jax": ["model.backend"],
    "torch": ["model.backend"],
    "ray": ["engines.ray"],
    "onnx": ["model.onnx_graph", "model.onnx_coherence"],
    "onnxruntime": ["pipelines.export"],
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Module name inside the package: io.picture.read."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def inside(module: str, room: str) -> str | None:
    """The name that a module has in a room, or None where it lies elsewhere (or is the room's own front)."""
    if room and not module.startswith(f"{room}."):
        return None
    return module.removeprefix(f"{room}.").split(".")[0] if room else module.split(".")[0]


def row_of(name: str, room: str) -> int | None:
    """Row of a name in a room, or None where it is not drawn."""
    return next((row for row, names in enumerate(ROWS[room]) if name in names), None)


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions and for type checking."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downward(path: Path) -> None:
    """A module imports only what is drawn below it, in the house and in every room that it lies in."""
    module = name_of(path)
    if module in ("", "__main__"):
        return
    targets = {name.removeprefix("koalacli.") for name in imports_of(path) if name.startswith("koalacli.")}
    for room in ROWS:
        own = inside(module, room)
        for target in targets:
            other = inside(target, room)
            if own is None or other is None or own == other or row_of(other, room) is None:
                continue
            assert row_of(other, room) > row_of(own, room), f"{module} must not import {target}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_third_parties_stay_behind_their_fences(path: Path) -> None:
    """typer and rich only in cli, av only in io.film, keras only in the model, and so on."""
    module = name_of(path)
    for imported in imports_of(path):
        rooms = FENCES.get(imported.split(".")[0])
        allowed = rooms is None or any(module == room or module.startswith(f"{room}.") for room in rooms)
        assert allowed, f"{module} must not import {imported}"


def test_every_module_has_a_row() -> None:
    """A new room has to be drawn into the picture before it is built."""
    for module in map(name_of, MODULES):
        for room in ROWS:
            name = inside(module, room)
            if name not in (None, "", "__main__"):
                assert row_of(name, room) is not None, f"{name} is not drawn in {room or 'the house'}"
