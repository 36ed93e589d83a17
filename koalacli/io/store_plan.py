"""Work lists where inputs or outputs lie in an object store: as `io.paths`, but made while the work goes on.

A prefix may hold millions of keys, so what can be refused is refused key by key: as a stray that failed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from koalacli.config import ColorizeConfig
from koalacli.errors import NothingMatchedError, UsageError
from koalacli.io.arguments import STREAM, is_wanted
from koalacli.io.paths import Job, output_name, parse_shard, refuse_settings, shard_of, stray_of
from koalacli.io.picture.codecs import codec_of
from koalacli.io.storage import Found, check_writable, is_remote, list_objects
from koalacli.io.walk import Stray, walk
from koalacli.journal import stamp_of
from koalacli.journal_lines import Stamp


@dataclass(frozen=True)
class StoredJob(Job):
    """A job whose input's state came with a listing, so that nobody has to ask for it.

    Attributes:
        known: size and time.
    """

    known: Stamp

    def stamp(self) -> Stamp:
        """As listed."""
        return self.known


def is_stored(source: str, output: str) -> bool:
    """Whether a run has to do with an object store."""
    return is_remote(source) or is_remote(output)


def is_lone(source: str, output: str) -> bool:
    """Whether one picture becomes one file or object of a name that is given, as in a run on this machine."""
    return bool(codec_of(Path(source)) and codec_of(Path(output))) and not Path(output).is_dir()


def output_folder(source: str, output: str) -> Path | str:
    """Where outputs and their journal lie."""
    lone = is_lone(source, output)
    if is_remote(output):
        return output.rpartition("/")[0] if lone else output
    return Path(output).parent if lone else Path(output)


def plan_stored(source: str, output: str, config: ColorizeConfig) -> Iterator[Job | Stray]:
    """Find inputs and plan outputs, lazily.

    Args:
        source: a folder, a prefix, a file or an object.
        output: a folder or a prefix; see `is_lone`.
        config: as for `io.paths.make_plan`.

    Raises:
        NothingMatchedError: no picture there.
    """
    part, parts = parse_shard(config.shard) if config.shard else (1, 1)
    inside = f"{output.rstrip('/')}/"
    taken: set[int] = set()  # hashes of outputs, where two inputs could have the same one
    lone, empty = is_lone(source, output), True
    for found in _find(source, output, config):
        if isinstance(found, Stray):
            empty = False
            yield found
            continue
        relative = _below(found.place, source)
        if found.place.startswith(inside) or any(name.startswith(".") and name != ".." for name in relative.parts):
            continue
        if not config.recursive and len(relative.parts) > 1:
            continue
        if not is_wanted(relative, config.include, config.exclude):
            continue
        if shard_of(relative, parts) != part:
            continue
        empty = False
        if not codec_of(relative):
            yield stray_of(relative, found.place)
        elif {"", ".", ".."} & set(name_below(found.place, source).split("/")):
            yield Stray(found.place, "its name leads out of the output folder, or to no name; rename it", failed=True)
        else:
            known = (found.size, found.mtime)
            yield StoredJob(source, output, known) if lone else _job(found, relative, output, config, taken)
    if empty and parts == 1:
        raise NothingMatchedError(f"{source}: no pictures found")


def _job(found: Found, relative: Path, output: str, config: ColorizeConfig, taken: set[int]) -> Job | Stray:
    name = output_name(relative, config).as_posix()
    if config.format or not is_remote(output):
        key = hash(name if is_remote(output) else name.casefold())
        if key in taken:
            return Stray(found.place, f"another input is written to {name} already; use --suffix", failed=True)
        taken.add(key)
    target = f"{output.rstrip('/')}/{name}" if is_remote(output) else str(Path(output) / name)
    return StoredJob(found.place, target, (found.size, found.mtime))


def check_stored(source: str, output: str, config: ColorizeConfig) -> None:
    """Refuse what object stores cannot do.

    Raises:
        UsageError: it is asked for.
    """
    refuse_settings(config)
    if STREAM in (source, output):
        raise UsageError("standard input and output do not go together with object stores; give a folder")
    if any(sign in source for sign in "*?["):
        raise UsageError(f"{source}: patterns are for local files; give a prefix")
    if is_lone(source, output) and config.format:
        raise UsageError(f"--format: {output} says what is written; leave it out")
    if source.rstrip("/") == output.rstrip("/"):
        raise UsageError(f"{output}: is the input, too; give another place")
    if config.preserve_times:
        raise UsageError("--preserve-times: object stores set times themselves; leave it out")
    if config.hints or config.decisions:
        raise UsageError("--hints and --decisions are for local files so far; copy the pictures that they name")
    if is_remote(output):
        check_writable(output)


def _find(source: str, output: str, config: ColorizeConfig) -> Iterator[Found | Stray]:
    if is_remote(source):
        yield from list_objects(source)
        return
    root = Path(source)
    if not root.exists():
        raise NothingMatchedError(f"{source}: no such file or folder")
    for path in [root] if root.is_file() else walk(root, recursive=config.recursive, follow_links=config.follow_links):
        yield path if isinstance(path, Stray) else Found(str(path), *stamp_of(str(path)))


def _below(place: str, source: str) -> Path:
    """A place relative to the source; its last name where it is the source itself."""
    return Path(name_below(place, source))


def name_below(place: str, source: str) -> str:
    """What a place is called seen from a source that it lies below; its last name where it is the source itself."""
    return place.removeprefix(source.rstrip("/")).removeprefix("/") or PurePosixPath(place).name
