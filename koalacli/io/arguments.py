"""What the words of a command line are: inputs, and where outputs go if nobody says so."""

import glob
import mmap
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from koalacli.errors import UsageError
from koalacli.io.picture.xmp import OURS
from koalacli.io.storage import is_remote

STREAM = "-"  # standard input or output
MARK = ".color"  # in names of outputs that stand beside their inputs
OUTPUT_FOLDER = "-color"  # behind the name of a folder, for the folder of its outputs


def split_arguments(words: Sequence[str], output: str) -> tuple[list[str], str]:
    """Inputs, and the output or nothing.

    With --output all words are inputs. Of two words the last is the output; of more it is, unless it is a file that
    exists, for a shell makes many names of one pattern. What it makes of two files, see `are_both_inputs`.
    """
    last = words[-1]
    if output or len(words) == 1 or (len(words) > 2 and Path(last).is_file()):
        return list(words), output
    return list(words[:-1]), last


def are_both_inputs(words: Sequence[str]) -> bool:
    """Whether two words are two pictures to color: the second is a file that is there, and koala did not make it.

    Else it would be the output of an earlier run of the same command. Outputs say in their XMP who made them, in
    plain text in every format that holds XMP.
    """
    if len(words) != 2 or not all(Path(word).is_file() for word in words) or Path(words[0]).samefile(words[1]):
        return False
    try:
        with Path(words[1]).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(OURS.encode()) < 0
    except (OSError, ValueError):  # it cannot be read, or is empty
        return True


def default_output(sources: Sequence[str]) -> tuple[str, str]:
    """Where outputs go if nobody says so, and what marks their names there.

    A folder's outputs go to a folder NAME-color beside it, those of files beside them.

    Returns:
        The output, and the suffix of names.

    Raises:
        UsageError: the inputs lie in several places, or in none that outputs could stand beside.
    """
    if list(sources) == [STREAM]:
        return STREAM, ""
    if any(is_remote(source) or source == STREAM for source in sources):
        raise UsageError(f"{sources[0]}: say where its output goes with -o")
    if len(sources) == 1 and Path(sources[0]).is_dir():
        named = Path(sources[0])
        folder = Path(os.path.realpath(named))
        if not folder.name:
            raise UsageError(f"{sources[0]}: say where its outputs go with -o FOLDER")
        beside = named.parent if named.name not in ("", "..") else Path(os.path.relpath(folder.parent))
        return str(beside / f"{folder.name}{OUTPUT_FOLDER}"), ""
    folders: set[Path] = set()
    for source in sources:
        found = [Path(match) for match in glob.glob(source)] if not Path(source).exists() else [Path(source)]
        folders |= {path if path.is_dir() else path.parent for path in found or [Path(source)]}
    if len(folders) > 1 or any(Path(source).is_dir() for source in sources):
        raise UsageError(f"{sources[0]} and others lie in several folders: say where outputs go with -o FOLDER")
    return str(folders.pop()), MARK


def is_wanted(relative: PurePath, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether patterns let a path through: it matches one of `include`, if there are any, and none of `exclude`.

    A pattern without / is compared with the name, and for `exclude` with the names of its folders, too; one with /
    with the whole path below the input.
    """
    if any(_matches(relative, pattern, folders=True) for pattern in exclude):
        return False
    return not include or any(_matches(relative, pattern, folders=False) for pattern in include)


def _matches(relative: PurePath, pattern: str, *, folders: bool) -> bool:
    if "/" in pattern:
        return fnmatchcase(relative.as_posix(), pattern.removesuffix("/**") + "/*" * pattern.endswith("/**"))
    return any(fnmatchcase(name, pattern) for name in (relative.parts if folders else relative.parts[-1:]))
