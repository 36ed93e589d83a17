"""Tar shards in the layout of WebDataset: uncompressed tar files of pictures and what belongs to them."""

import glob
import re
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from koalacli.errors import InputError, NothingMatchedError, UsageError
from koalacli.io.storage import is_remote

SUFFIX = ".tar"
MOST_SHARDS = 1_000_000
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True)
class Member:
    """One file of a shard.

    Attributes:
        name: as it stands there.
        mtime: seconds.
    """

    name: str
    mtime: int


def is_shards(source: str) -> bool:
    """Whether an input is tar shards by its name."""
    return source.lower().endswith(SUFFIX)


def find_shards(source: str) -> list[str]:
    """The shards that a name, a local pattern, or a range such as photos-{00000..00999}.tar stands for, in order.

    Raises:
        NothingMatchedError: there are none.
        UsageError: a range that is none.
    """
    names = _expanded(source)
    if not is_remote(source) and len(names) == 1 and glob.has_magic(source):
        names = sorted(glob.glob(source))
    missing = [] if is_remote(source) else [name for name in names if not Path(name).is_file()]
    if missing or not names:
        raise NothingMatchedError(f"{missing[0] if missing else source}: no such shard")
    return names


def unpack(shard: Path, folder: Path) -> list[Member]:
    """Write a shard's files below a folder; what they are, in order.

    Raises:
        InputError: it is no tar file, is cut off, holds something other than files, one of a name that leads out of
            it, or two of one name.
    """
    members: dict[str, Member] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for info in archive:
                if info.isdir():
                    continue
                if fault := _fault(info, members):
                    raise InputError(f"{info.name!r} in it {fault}")
                target = folder / info.name
                target.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(info)
                assert content is not None  # it is a file
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                if target.stat().st_size != info.size:
                    raise InputError("it is cut off")
                members[info.name] = Member(info.name, int(info.mtime))
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"no whole tar file ({error})") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(f"a file in it has the name of a folder ({error.filename})") from error
    return list(members.values())


def pack(members: Sequence[Member], file_of: Callable[[Member], tuple[str, Path]], shard: BinaryIO) -> None:
    """Write files as a shard: the same files give the same bytes.

    Args:
        members: in order.
        file_of: a member -> its name in the new shard, and the file that it becomes.
        shard: open for writing.
    """
    with tarfile.open(fileobj=shard, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            name, path = file_of(member)
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = path.stat().st_size, member.mtime, 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)


def _expanded(source: str) -> list[str]:
    ranges = _RANGE.findall(source)
    if not ranges:
        return [source]
    (first, last), *more = ranges
    if more or int(last) < int(first) or int(last) - int(first) >= MOST_SHARDS:
        raise UsageError(f"{source}: give one range, as photos-{{00000..00999}}{SUFFIX}")
    width = len(first)
    return [_RANGE.sub(f"{number:0{width}d}", source) for number in range(int(first), int(last) + 1)]


def _fault(info: tarfile.TarInfo, known: dict[str, Member]) -> str:
    """Why a member cannot be taken; empty if it can."""
    parts = PurePosixPath(info.name).parts
    if not info.isfile():
        return "is no ordinary file"
    if not parts or PurePosixPath(info.name).is_absolute() or ".." in parts or "\0" in info.name:
        return "leads out of it"
    return "is there twice" if info.name in known else ""
