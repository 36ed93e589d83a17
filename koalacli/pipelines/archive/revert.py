"""`koala revert`: the gray JPEGs back that color ones were made of."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from koalacli.config import RevertConfig
from koalacli.errors import InputError, KoalaError, NothingMatchedError, StorageFullError, UsageError
from koalacli.io.files import write_file
from koalacli.io.jpeg.revert import revert_graft
from koalacli.io.paths import find_files
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import decoder_errors, read_bytes
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.records import Outcome, Record, Started
from koalacli.version import __version__


def revert(source: str, output: str, config: RevertConfig) -> Iterator[Started | Record]:
    """Give back what color JPEGs were made of.

    Args:
        source: a color JPEG, a folder or a glob.
        output: a folder, or a file for a single input.
        config: see RevertConfig.

    Yields:
        Started, then a Record per JPEG.

    Raises:
        NothingMatchedError: there is no JPEG.
        UsageError: an output would replace an input.
        StorageFullError: what is written is whole.
    """
    found, strays = find_files(source, output, recursive=config.recursive, follow_links=config.follow_links)
    jpegs = [(path, relative) for path, relative in found if codec_of(path) == "jpeg"]
    if not jpegs:
        raise NothingMatchedError(f"{source}: no JPEG found")
    single = Path(source).is_file() and codec_of(Path(output)) == "jpeg" and not Path(output).is_dir()
    jobs = [(path, Path(output) if single else Path(output) / relative) for path, relative in jpegs]
    inputs = {os.path.realpath(path) for path, _ in jobs}
    for path, target in jobs:
        if os.path.realpath(target) in inputs:
            raise UsageError(f"{path}: the output would replace the input {target}; choose another folder")
    check_side_outputs(side_outputs(config), [source, output, *(path for job in jobs for path in job)])
    yield Started(len(jobs) + len(strays), "", "", 0, __version__)
    yield from (stray.record() for stray in strays)
    for path, target in jobs:
        yield _revert(path, target, config)


def _revert(path: Path, target: Path, config: RevertConfig) -> Record:
    started = time.perf_counter()
    if target.exists() and config.on_exist != "overwrite":
        outcome = Outcome.SKIPPED if config.on_exist == "skip" else Outcome.FAILED
        return Record(str(path), str(target), outcome, f"{target}: exists already (--on-exist {config.on_exist})")
    try:
        with decoder_errors(str(path)):
            gray = revert_graft(read_bytes(path))
        write_file(target, gray)
    except StorageFullError:
        raise
    except (KoalaError, InputError) as error:
        return Record(str(path), str(target), Outcome.FAILED, str(error))
    return Record(str(path), str(target), Outcome.DONE, seconds=time.perf_counter() - started)
