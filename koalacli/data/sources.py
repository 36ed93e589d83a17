"""Find pictures in trees and tar shards, local or behind an fsspec URL, and read their bytes.

data/                     a tree of pictures, of any depth
photos/train-*.tar        shards: uncompressed tar files of pictures
s3://bucket/photos/*.tar  either of them, elsewhere
"""

import fnmatch
import glob
import hashlib
import os
import posixpath
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from koalacli.errors import DataError, InputError, UsageError
from koalacli.io.suffixes import PICTURE_SUFFIXES
from koalacli.io.walk import Stray, walk

READ_ATTEMPTS = 3  # a remote store may hiccup; a dead one is told apart by failing again
FIRST_PAUSE = 0.5  # seconds before the second attempt, doubled before the third


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a data set.

    Attributes:
        name: path below its source; the identity that split and lists go by.
        place: file or tar shard, path or URL.
        offset, size: bytes inside a shard; size -1 means the whole file.
    """

    name: str
    place: str
    offset: int = 0
    size: int = -1


def find_samples(data: Sequence[str], suffixes: tuple[str, ...] = PICTURE_SUFFIXES) -> list[Sample]:
    """All files of these suffixes below the given trees, shards and patterns, sorted, each once.

    Links are followed, but a folder or file that several lead to is taken once: it must not stand on both sides of a
    split. A folder that cannot be read stands in the list like a picture that cannot be: its loss is told.

    Raises:
        DataError: a place is not there, is no data, or holds no pictures.
    """
    samples: dict[tuple[str, str], Sample] = {}
    for pattern in data:
        found = False
        for place in _expand(pattern):
            for sample in _samples_of(place, suffixes):
                found = True
                samples[sample.place, sample.name] = sample
        if not found:
            raise DataError(f"{pattern}: no pictures there ({', '.join(PICTURE_SUFFIXES)}, or tar shards of them)")
    return [samples[key] for key in sorted(samples)]


def split_samples(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Training and validation part, neither empty if there are two pictures.

    A picture's side depends on its name and the seed alone, except where one side would be empty.
    """
    if not 0 < share < 1:
        raise UsageError(f"val-split {share} must lie between 0 and 1")
    limit = int(share * 2**64)
    sides: tuple[list[Sample], list[Sample]] = ([], [])
    for sample in samples:
        sides[name_hash(sample.name, seed) < limit].append(sample)
    for few, many in (sides, sides[::-1]):
        if not few and len(many) > 1:
            chosen = min(many, key=lambda sample: name_hash(sample.name, seed))
            many.remove(chosen)
            few.append(chosen)
    return sides


def limit_samples(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """`count` of the samples, a fair draw that does not depend on their order; all if count is 0."""
    if not count or count >= len(samples):
        return list(samples)
    chosen = sorted(samples, key=lambda sample: name_hash(sample.name, seed + 1))[:count]
    return sorted(chosen, key=lambda sample: (sample.place, sample.name))


def folder_of(sample: Sample) -> str:
    """Name of the folder that a picture lies in: that of its file, or its own inside a shard."""
    return posixpath.basename(posixpath.dirname(sample.place if sample.size < 0 else sample.name))


def name_hash(name: str, seed: int) -> int:
    """64 bits that depend on a name and the seed and on nothing else."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")


def read_sample(sample: Sample) -> bytes:
    """The bytes of a picture as stored.

    Raises:
        DataError: its source is gone.
        InputError: a single file, of a tree that is still there, cannot be read.
    """
    for attempt in range(READ_ATTEMPTS):
        try:
            return _read(sample)
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            if sample.size < 0 and _exists(_parent(sample.place)):
                raise InputError(f"{sample.name}: cannot be read ({error.strerror or error})") from error
            raise DataError(f"{sample.place}: the data source is gone ({error})") from error
        except OSError as error:
            if attempt + 1 == READ_ATTEMPTS or not _is_remote(sample.place):
                raise DataError(f"{sample.place}: the data source cannot be read ({error})") from error
            time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _read(sample: Sample) -> bytes:
    end = sample.offset + sample.size
    if _is_remote(sample.place):
        store, path = _store(sample.place)
        content: bytes = store.cat_file(path) if sample.size < 0 else store.cat_file(path, sample.offset, end)
    else:
        with Path(sample.place).open("rb") as file:
            held = os.fstat(file.fileno()).st_size
            file.seek(sample.offset)
            content = file.read(sample.size) if end <= held or sample.size < 0 else b""  # no room for what is not there
    if sample.size >= 0 and len(content) < sample.size:
        raise DataError(f"{sample.place}: the shard ended inside {sample.name}; it was changed or truncated")
    return content


def _samples_of(place: str, suffixes: tuple[str, ...]) -> Iterator[Sample]:
    if place.endswith(".tar"):
        yield from _shard_samples(place, suffixes)
    elif _is_remote(place):
        store, path = _store(place)
        if store.isfile(path):
            yield Sample(posixpath.basename(path), place)
            return
        for file in store.find(path):
            if file.lower().endswith(suffixes):
                yield Sample(posixpath.relpath(file, path), store.unstrip_protocol(file))
    elif Path(place).is_file():
        yield Sample(Path(place).name, place)
    else:
        yield from _tree_samples(Path(place), suffixes)


def _tree_samples(root: Path, suffixes: tuple[str, ...]) -> Iterator[Sample]:
    taken: set[str] = set()
    for found in walk(root, follow_links=True):
        path = Path(found.path) if isinstance(found, Stray) else found
        if isinstance(found, Stray) and not found.failed:
            continue
        if not isinstance(found, Stray) and (not path.name.lower().endswith(suffixes) or _is_taken(path, taken)):
            continue
        yield Sample(path.relative_to(root).as_posix(), str(path))


def _is_taken(path: Path, taken: set[str]) -> bool:
    """Whether a file was taken under another name; notes it if not."""
    real = os.path.realpath(path)
    known = real in taken
    taken.add(real)
    return known


def _shard_samples(place: str, suffixes: tuple[str, ...]) -> Iterator[Sample]:
    try:
        with _open(place) as file, tarfile.open(fileobj=file, mode="r:") as shard:
            for member in shard:
                if member.isfile() and member.name.lower().endswith(suffixes):
                    if member.issparse():
                        raise DataError(f"{place}: {member.name} is stored with holes; make the shard without --sparse")
                    yield Sample(member.name, place, member.offset_data, member.size)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{place}: not a readable, uncompressed tar shard ({error})") from error


def _expand(pattern: str) -> list[str]:
    """The places that a path, URL or pattern names."""
    if _is_remote(pattern):
        store, path = _store(pattern)
        if glob.has_magic(pattern):
            return [store.unstrip_protocol(found) for found in sorted(store.glob(path))]
        if not store.exists(path):
            raise DataError(f"{pattern}: no such data")
        return [pattern]
    if Path(pattern).exists():
        return [pattern]
    if glob.has_magic(pattern):
        return sorted(glob.glob(pattern, recursive=True))
    raise DataError(f"{pattern}: no such file or folder")


def _is_remote(place: str) -> bool:
    return fnmatch.fnmatch(place, "*://*")


@cache
def _protocol_store(protocol: str) -> Any:
    try:
        import fsspec

        return fsspec.filesystem(protocol)
    except (ImportError, ValueError) as error:
        raise DataError(f"{protocol}://: no reader for this kind of address is installed ({error})") from error


def _store(url: str) -> tuple[Any, str]:
    store = _protocol_store(url.split("://", 1)[0])
    return store, store._strip_protocol(url)


def _open(place: str) -> Any:
    if _is_remote(place):
        store, path = _store(place)
        return store.open(path, "rb")
    return Path(place).open("rb")


def _parent(place: str) -> str:
    return posixpath.dirname(place) if _is_remote(place) else str(Path(place).parent)


def _exists(place: str) -> bool:
    if _is_remote(place):
        store, path = _store(place)
        return bool(store.exists(path))
    return Path(place).exists()
