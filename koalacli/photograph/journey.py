"""One photograph's journey outside the network: path → lightness → ... → color → path.

Functions here run in reader and writer threads, locally or in an actor of a cluster.
"""

import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from koalacli.arrays import Array
from koalacli.color.surroundings import border_share, is_print_on_table
from koalacli.color.tone import is_colored
from koalacli.config import ColorizeConfig
from koalacli.control.bind import GrayJob, ProposalsJob, digest_of, hints_of, reviewer_of
from koalacli.control.hints import Hints
from koalacli.control.proposals import Proposal
from koalacli.control.references import Followed
from koalacli.errors import InputError, KoalaError, OutputError
from koalacli.io.arguments import STREAM
from koalacli.io.files import file_digest
from koalacli.io.paths import Job
from koalacli.io.picture.codecs import CODECS, codec_of, encode
from koalacli.io.picture.graft import Graftable, open_graftable
from koalacli.io.picture.metadata import Metadata
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.read import decoder_errors, read_picture
from koalacli.io.picture.scans import open_scan
from koalacli.io.picture.xmp import OURS, Provenance
from koalacli.io.storage import is_remote, local_copy
from koalacli.journal import Journal
from koalacli.journal_lines import Stamp
from koalacli.photograph.canvas import Canvas, Graft, Scroll, Still
from koalacli.photograph.existing import decide_existing, times_of
from koalacli.photograph.guides import Sight
from koalacli.photograph.labels import Label, label_of, labeled, tell_references
from koalacli.photograph.places import copy_input, new_target, print_out, read_source, source_name
from koalacli.photograph.proposals import write_proposals
from koalacli.photograph.sidecars import carry_sidecars
from koalacli.records import Outcome, Record

COPIED = "in color already, copied"
ON_TABLE = "copied, a print on a table: crop it"
LARGE_BORDER = 0.3  # share of a picture from which its border is told


@dataclass(frozen=True)
class Setup:
    """What all photographs of a run share.

    Attributes:
        config: see ColorizeConfig.
        sight: how the network sees: a Colorizer, or for one picture its closer sight.
        provenance: who makes the color.
        journal: what earlier runs did.
    """

    config: ColorizeConfig
    sight: Sight
    provenance: Provenance
    journal: Journal


@dataclass(frozen=True)
class OpenedPhotograph:
    """A photograph between reading and writing.

    Attributes:
        canvas: None if nothing has to be colorized.
        decided: the outcome, where the network is not needed.
        started: clock at the start of reading, seconds.
        stamp: the input's state when it was read.
        remarks: what the record shall say.
        hints: what is known of its colors.
        kept: what must live as long as the canvas.
        digest: SHA-256 of the input, hexadecimal; empty where it was not read.
        label: see `labels`.
    """

    canvas: Canvas | None
    decided: Record | None
    started: float
    stamp: Stamp = (0, 0)
    remarks: list[str] = field(default_factory=list)
    hints: Hints | None = None
    kept: Any = None
    digest: str = ""
    label: Label | None = None


def open_photograph(job: Job, setup: Setup) -> OpenedPhotograph:
    """Read one input and take what the network shall see; decide about outputs that exist and inputs in color.

    Raises:
        InputError: it cannot be read; the journal remembers.
    """
    started = time.perf_counter()
    stamp = job.stamp()
    if decided := decide_existing(job, setup.config, setup.journal):
        return OpenedPhotograph(None, decided, started, stamp)
    try:
        if isinstance(job, GrayJob):
            return OpenedPhotograph(None, _keep_gray(job, setup.config), started, stamp)
        hints = hints_of(job)
        if hints:
            told = replace(setup.provenance, hints=str(hints), reviewer=reviewer_of(job) or setup.config.reviewer)
            setup = replace(setup, provenance=told)
            if hints.many:
                setup = replace(setup, sight=setup.sight.closer())
            if setup.config.colored == "auto":  # who says which colors it has wants them made
                setup = replace(setup, config=replace(setup.config, colored="recolor"))
        opened = _with_border(_open(job, setup, started, stamp))
        if setup.config.palette and opened.canvas:
            opened = replace(opened, remarks=[*opened.remarks, f"palette of {setup.config.palette}"])
        if isinstance(job, ProposalsJob) and opened.canvas and len(opened.canvas.guides) != 1:
            raise InputError(f"{job.source}: --proposals is for pictures of one frame; this has more")
        return _with_hints(opened, hints, job) if hints and opened.canvas else opened
    except InputError as error:
        seconds = time.perf_counter() - started
        setup.journal.note(job.target, stamp, Outcome.FAILED, seconds, str(error), digest_of(job), job.source)
        raise


def _with_border(opened: OpenedPhotograph) -> OpenedPhotograph:
    """Remark on a border that takes much of what the network sees."""
    share = border_share(opened.canvas.guides[0][..., 0]) if opened.canvas else 0.0
    if share < LARGE_BORDER:
        return opened
    return replace(
        opened, remarks=[*opened.remarks, f"{share:.0%} of it is border: crop it, and more is seen of the print"]
    )


def _with_hints(opened: OpenedPhotograph, hints: Hints, job: Job) -> OpenedPhotograph:
    frames = len(opened.canvas.guides) if opened.canvas else 0
    if frames != 1:
        raise InputError(f"{source_name(job)}: hints are for pictures of one frame, and this has {frames}")
    return replace(opened, hints=hints, remarks=[*opened.remarks, f"hinted: {hints}"])


def _open(job: Job, setup: Setup, started: float, stamp: Stamp) -> OpenedPhotograph:
    config, sight, name = setup.config, setup.sight, source_name(job)
    asked = config.format or codec_of(Path(job.target))
    remarks: list[str] = []
    if (asked is None or CODECS[asked].scrolls) and job.source != STREAM and job.target != STREAM:
        with decoder_errors(name):
            held = local_copy(job.source) if is_remote(job.source) else None
            scan = open_scan(Path(held.name if held else job.source), config.max_pixels)
            if scan:
                if made := _made_by_koala(job, scan.metadata, config):
                    return OpenedPhotograph(None, made, started, stamp)
                digest = file_digest(scan.path)
                setup = _made_of(job, digest, setup)
                metadata = labeled(scan.metadata, config, setup.provenance, remarks)
                scroll = Scroll.open(scan, metadata, config, sight)
                if scroll.colored and config.colored != "recolor":
                    kept = _keep_colored(job, config, scroll.size)
                    return OpenedPhotograph(None, kept, started, stamp, digest=digest)
                label = label_of(scan.metadata, config, setup.provenance)
                return OpenedPhotograph(scroll, None, started, stamp, remarks, kept=held, digest=digest, label=label)
    with decoder_errors(name):
        data = read_source(job.source)
        digest = hashlib.sha256(data).hexdigest()
        setup = _made_of(job, digest, setup)
        grafts = config.lossless_luma and (asked is None or CODECS[asked].grafts)
        graftable = open_graftable(data, config.max_pixels, config.chroma_subsampling) if grafts else ""
        if isinstance(graftable, Graftable):
            if made := _made_by_koala(job, graftable.metadata, config):
                return OpenedPhotograph(None, made, started, stamp)
            metadata = labeled(graftable.metadata, config, setup.provenance, remarks, graftable.orientation)
            graft = Graft.open(data, replace(graftable, metadata=metadata), config, sight, digest)
            label = label_of(graftable.metadata, config, setup.provenance, graftable.orientation)
            return OpenedPhotograph(graft, None, started, stamp, remarks, digest=digest, label=label)
    picture = read_picture(data, name, config.max_pixels)
    if made := _made_by_koala(job, picture.metadata, config):
        return OpenedPhotograph(None, made, started, stamp)
    if config.colored != "recolor" and any(is_colored(frame.pixels) for frame in picture.frames):
        kept = _keep_colored(job, config, picture.pixels.shape[:2], data, picture)
        return OpenedPhotograph(None, kept, started, stamp, digest=digest)
    remarks += [f"luma is encoded anew: {graftable}"] if graftable else []
    remarks += [picture.remark] if picture.remark else []
    label = label_of(picture.metadata, config, setup.provenance)
    picture = replace(picture, metadata=labeled(picture.metadata, config, setup.provenance, remarks))
    still = Still.open(picture, asked or picture.format, config, sight)
    return OpenedPhotograph(still, None, started, stamp, remarks, digest=digest, label=label)


def _made_by_koala(job: Job, metadata: Metadata, config: ColorizeConfig) -> Record | None:
    """The record for an input that koala made, as its XMP says; given by its own name, it is colored again."""
    if config.alone or job.source == STREAM or OURS.encode() not in metadata.xmp:
        return None
    reason = "made by koala already; give it by its own name to redo it"
    return Record(job.source, job.target, Outcome.SKIPPED, reason, kind="made by koala")


def _made_of(job: Job, digest: str, setup: Setup) -> Setup:
    """The setup of one picture: its provenance names the source."""
    name = "" if job.source == STREAM else Path(job.source).name
    return replace(setup, provenance=replace(setup.provenance, source=f"sha256:{digest}", source_name=name))


def close_photograph(
    job: Job, opened: OpenedPhotograph, colorings: Sequence[Array | Followed | Proposal | KoalaError], setup: Setup
) -> Record:
    """Put color on, encode, write, note in the journal.

    Raises:
        InputError: its color could not be made, as `colorings` say.
        OutputError: it cannot be written, or is not what it should be.
    """
    if errors := [one for one in colorings or [] if isinstance(one, KoalaError)]:
        raise InputError(f"{source_name(job)}: {errors[0]}")
    if opened.decided is not None:
        record = replace(opened.decided, seconds=time.perf_counter() - opened.started)
    elif opened.canvas is None:
        raise InputError(f"{job.source}: nothing was read")
    else:
        remarks = opened.remarks + tell_references(opened.canvas, opened.label, colorings)
        remarks += _write(job, opened.canvas, colorings, setup)
        remarks += carry_sidecars(job, setup.config, turned=not isinstance(opened.canvas, Graft))
        height, width = opened.canvas.size
        seconds = time.perf_counter() - opened.started
        record = Record(job.source, job.target, Outcome.DONE, "; ".join(remarks), seconds, width, height)
    if record.outcome == Outcome.DONE:
        seconds, digest = record.seconds, opened.digest
        journal, own = setup.journal, digest_of(job)
        trouble = journal.note(job.target, opened.stamp, Outcome.DONE, seconds, record.reason, own, job.source, digest)
        record = replace(record, reason="; ".join(filter(None, (record.reason, trouble))))
    return replace(record, source_digest=opened.digest)


def _write(
    job: Job, canvas: Canvas, colorings: Sequence[Array | Followed | Proposal | KoalaError], setup: Setup
) -> list[str]:
    name = source_name(job)
    preserve = setup.config.preserve_times and job.source != STREAM
    times = times_of(job.source) if preserve and job.target != STREAM else None
    if isinstance(job, ProposalsJob):
        proposals = [one for one in colorings if isinstance(one, Proposal)]
        return write_proposals(job, canvas, proposals, setup.provenance, times)
    planes = [one.ab if isinstance(one, Followed) else one for one in colorings]
    ab_planes = [one for one in planes if not isinstance(one, Proposal | KoalaError)]
    if job.target == STREAM:
        buffer = io.BytesIO()
        remarks = canvas.write(buffer, ab_planes, name)
        print_out(buffer.getvalue())
        return remarks
    with new_target(job.target, times) as file:
        return canvas.write(file, ab_planes, name)


def _keep_gray(job: Job, config: ColorizeConfig) -> Record:
    if config.format and config.format != codec_of(Path(job.source)):
        raise OutputError(f"{job.source}: is to stay gray, and a copy cannot change its format; leave out --format")
    try:
        copy_input(job)
    except FileNotFoundError as error:
        raise InputError(f"{job.source}: the file is gone") from error
    return Record(job.source, job.target, Outcome.DONE, "kept gray, copied", kind="kept gray")


def _keep_colored(
    job: Job, config: ColorizeConfig, size: tuple[int, ...], data: bytes = b"", picture: Picture | None = None
) -> Record:
    """Leave out or copy an input that is in color; under `auto`, where another format is wanted, it is encoded anew.

    Raises:
        OutputError: it cannot be written, or is to be copied and another format was asked for.
    """
    height, width = size
    record = Record(job.source, job.target, Outcome.SKIPPED, "in color already", width=width, height=height)
    if config.colored == "skip":
        return replace(record, kind="in color already")
    asked = config.format or codec_of(Path(job.target))
    if picture and asked and asked != picture.format:
        if config.colored == "copy":
            raise OutputError(f"{source_name(job)}: in color already, and a copy cannot become {asked}; see --colored")
        data, remarks = encode(picture, asked, config.quality, "444", source_name(job))
        record = replace(record, reason="; ".join([f"in color already, kept as {asked}", *remarks]))
    else:
        record = replace(record, reason=COPIED)
    if job.target == STREAM:
        print_out(data)
    elif record.reason == COPIED and job.source != STREAM:
        copy_input(job)
    else:
        with new_target(job.target) as file:
            file.write(data)
    pixels = picture.pixels if picture and config.colored == "auto" else None
    on_table = pixels is not None and pixels.ndim == 3 and is_print_on_table(pixels)
    if on_table:
        record = replace(record, reason=f"{record.reason}; it seems to be a print on a table: crop it to color it")
    return replace(record, outcome=Outcome.DONE, kind=ON_TABLE if on_table else COPIED)
