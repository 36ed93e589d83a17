"""`koala verify`: whether outputs have the luma of their sources, long after they were made."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from koalacli.config import VerifyConfig
from koalacli.errors import InputError, KoalaError, NothingMatchedError, OutputError
from koalacli.io.files import file_digest
from koalacli.io.manifest import MANIFEST, read_manifest
from koalacli.io.paths import find_files
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.metadata import is_layer, told_source
from koalacli.io.picture.read import decoder_errors, read_bytes
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.suffixes import is_film
from koalacli.journal import Journal
from koalacli.journal_lines import Entry
from koalacli.pipelines.archive.proofs import PROOFS, Pair
from koalacli.process import quiet_libraries, worker_count
from koalacli.records import Outcome, Record, Started
from koalacli.stream import Stage, stream
from koalacli.version import __version__

IN_MEMORY = 1 << 28  # bytes of a picture's file from which it is read a few rows at a time


@dataclass(frozen=True)
class Proof(Record):
    """What was found about one output, which stands as the target.

    Attributes:
        way: key of PROOFS; empty where it did not come to that.
        figure: how much luma differs, in the unit of the way.
        exact: whether it is the source's bit for bit.
    """

    way: str = ""
    figure: float = 0.0
    exact: bool = False

    def as_event(self) -> dict[str, Any]:
        """For --json and --report: plain values only."""
        return {"event": "proof", **asdict(self), "seconds": round(self.seconds, 4)}


@dataclass(frozen=True)
class Check:
    """One output to prove, and what is known of it.

    Attributes:
        target: path.
        source: path; empty where none is known.
        digest: SHA-256 that the source had, empty where unknown.
        listed: SHA-256 that the output has in the manifest, empty where it is not there.
    """

    target: str
    source: str
    digest: str = ""
    listed: str = ""


def verify(output: str, config: VerifyConfig) -> Iterator[Started | Proof | Record]:
    """Prove the luma of every output against its source.

    Args:
        output: a folder that koala has written, or one file.
        config: see VerifyConfig.

    Yields:
        Started, then a Proof per output, those included that the journal or the manifest names and that are gone.

    Raises:
        NothingMatchedError: there is no output.
        UsageError: the report cannot be written.
    """
    quiet_libraries()
    checks = list(find_checks(output, config))
    if not checks:
        raise NothingMatchedError(f"{output}: no pictures or films to verify")
    paths = [path for check in checks for path in (check.source, check.target) if path]
    check_side_outputs(side_outputs(config), [output, *paths])
    workers = worker_count(config.workers)
    yield Started(len(checks), "", "", 0, __version__)
    stage: Stage[Check, Proof, Proof] = Stage(
        read=lambda check: _prove(check, config),
        key=lambda proof: None,
        run=lambda proofs: proofs,
        write=lambda check, proof, _: proof,
    )
    for check, proof in stream(checks, stage, batch_size=1, workers=workers, ahead=2 * workers):
        yield _failed(check, str(proof)) if isinstance(proof, KoalaError) else proof


def find_checks(output: str, config: VerifyConfig) -> Iterator[Check]:
    """What there is to prove: files that are there, and files that should be."""
    root = Path(output)
    folder = root if root.is_dir() else root.parent
    journal, listed = Journal(folder), read_manifest(folder)
    entries = {entry.path: entry for entry in journal.entries() if entry.outcome == Outcome.DONE}
    found, _ = find_files(output, "", recursive=config.recursive, follow_links=config.follow_links)
    own = {Path(os.path.relpath(path, folder)).as_posix(): path for path, _ in found if _is_result(path)}
    missing = {name: folder / name for name in (*entries, *listed) if name not in own} if root.is_dir() else {}
    sources = _Sources(config.source)
    for name, path in sorted((own | missing).items()):
        entry = entries.get(name)
        source = sources.find(name) if config.source else _noted_source(folder, entry)
        if config.source and os.path.realpath(root) == os.path.realpath(config.source) and entry is None:
            continue  # outputs lie beside their sources, and this is one of those
        yield Check(str(path), source, entry.digest if entry else "", listed.get(name, ""))


def _is_result(path: Path) -> bool:
    return codec_of(path) is not None or is_film(path)


def _noted_source(folder: Path, entry: Entry | None) -> str:
    return os.path.normpath(folder / entry.source) if entry and entry.source else ""


class _Sources:
    """Files that outputs were made of, by the outputs' names: the same one, or the only one of the same stem."""

    def __init__(self, source: str):
        self.root = Path(source) if source else None
        self.by_stem: dict[str, list[Path]] = {}
        if self.root and self.root.is_dir():
            for path, relative in find_files(source, "", recursive=True)[0]:
                if _is_result(path):
                    self.by_stem.setdefault(relative.with_suffix("").as_posix(), []).append(path)

    def find(self, name: str) -> str:
        """Path of the source of an output; empty where there is none, or more than one that might be it."""
        if self.root is None or self.root.is_file():
            return str(self.root or "")
        if (self.root / name).is_file():
            return str(self.root / name)
        known = self.by_stem.get(Path(name).with_suffix("").as_posix(), [])
        return str(known[0]) if len(known) == 1 else ""


def _prove(check: Check, config: VerifyConfig) -> Proof:
    source, target = Path(check.source), Path(check.target)
    if not target.is_file():
        return _failed(check, "is gone")
    if not check.source:
        return _failed(check, "nothing tells what it was made of; name its source by --source")
    if not source.is_file():
        return _failed(check, f"its source {source} is gone; name another place by --source")
    small = not is_film(target) and max(source.stat().st_size, target.stat().st_size) < IN_MEMORY
    with decoder_errors(str(target)):
        pair = Pair(source, target, config.max_pixels)
        if small:
            pair = Pair(source, target, config.max_pixels, read_bytes(source), read_bytes(target))
        told = check.digest or (told_source(pair.after) if small else "")
        digest = hashlib.sha256(pair.before).hexdigest() if small else file_digest(source)
        if told and told != digest:
            raise InputError(f"its source {source} has changed since it was made of it")
        if check.listed and check.listed != (hashlib.sha256(pair.after).hexdigest() if small else file_digest(target)):
            raise OutputError(f"its bytes are not those that {MANIFEST} lists")
        if small and is_layer(pair.after):
            return Proof(check.source, check.target, Outcome.SKIPPED, "a layer of color has no lightness")
        name, way = next((name, way) for name, way in PROOFS.items() if way.applies(pair))
        finding = way.prove(pair)
    kept = "bit for bit" if finding.exact else f"within {finding.figure:.3f} {way.unit}"
    return Proof(
        check.source, check.target, Outcome.DONE, f"{name}: {kept}", source_digest=digest, way=name,
        figure=finding.figure, exact=finding.exact,
    )  # fmt: skip


def _failed(check: Check, reason: str) -> Proof:
    reason = reason if reason.startswith(check.target) else f"{check.target}: {reason}"
    return Proof(check.source, check.target, Outcome.FAILED, reason)
