"""Whether outputs would get in each other's way: only the file system knows which names it tells apart."""

import os
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path


def find_collision(targets: Sequence[Path]) -> tuple[int, int] | None:
    """Places of the first two paths that are one file, or would be; None where all are apart.

    Names that differ in case, in the form of their letters (NFC, NFD), or as ß and ss do are one on some file systems
    and two on others: the one that the paths are on is asked.
    """
    alike: dict[str, list[tuple[int, Path]]] = {}
    folders = {folder: Path(os.path.realpath(folder)) for folder in {target.parent for target in targets}}
    for place, target in enumerate(targets):
        real = folders[target.parent] / target.name
        rivals = alike.setdefault(_folded(str(real)), [])
        for before, rival in rivals:
            if not are_apart(rival, real):
                return before, place
        rivals.append((place, real))
    return None


def are_apart(one: Path, other: Path) -> bool:
    """Whether two paths, alike but for the writing of their names, are two on their file system.

    It is tried with empty files, in a folder that vanishes again. Where nothing can be written, nothing is replaced.
    """
    parts, rivals = one.absolute().parts, other.absolute().parts
    names = [(name, rival) for name, rival in zip(parts, rivals, strict=True) if name != rival]
    place = next(parent for parent in one.absolute().parents if parent.is_dir())
    try:
        with tempfile.TemporaryDirectory(prefix=".koala-", dir=place) as folder:
            return any(_tells_apart(Path(folder), name, rival) for name, rival in names)
    except OSError:
        return True


def _tells_apart(folder: Path, name: str, rival: str) -> bool:
    (folder / name).touch()
    return not (folder / rival).exists()


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
