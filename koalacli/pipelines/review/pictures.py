"""One picture's way to its sheet: opened as `koala colorize` opens it, asked about, put down."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from koalacli.arrays import Array
from koalacli.color.lab import lightness_of
from koalacli.color.tone import is_colored
from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig, ReviewConfig
from koalacli.io.files import write_file
from koalacli.io.picture.graft import Graftable, open_graftable
from koalacli.io.picture.read import decoder_errors, read_bytes, read_picture
from koalacli.photograph.canvas import Canvas, Graft, Still
from koalacli.prediction import Prediction
from koalacli.records import Outcome, Record
from koalacli.report.pictures import shrink
from koalacli.report.sheets import LONG_SIDES, Sheet, encode_sheet, entry_of, likely_colors

SHEETS = "pictures"
PROPOSALS = 4  # colorings that the page offers, the usual one among them
# Temperatures at which the page knows a picture's color; between two it takes a mean, off by less than half a CIELAB
# unit. The run's own takes the place of the nearest.
READINGS = (1.0, 0.7, 0.5, 0.32, 0.2)


@dataclass(frozen=True)
class Found:
    """One picture of the batch: where it lies, what the page calls it, and what else it must know.

    Attributes:
        still: a frame of the film that lies there, as a file; empty for a picture.
    """

    path: Path
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    still: bytes = b""

    @property
    def source(self) -> str:
        """As records name it."""
        return str(self.path.with_name(self.name)) if self.still else str(self.path)


@dataclass(frozen=True)
class Opened:
    """A picture between reading and writing; `script` where its sheet is there already, `record` where none is made."""

    identity: str = ""
    sha256: str = ""
    script: bytes = b""
    record: Record | None = None
    size: tuple[int, int] = (0, 0)
    shown: Array | None = None
    canvas: Canvas | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the network says of one picture: color at each of `vividnesses_of`, and the rest of its prediction."""

    readings: list[Array]
    features: Array
    bin_probs: Array | None


def vividnesses_of(colorizer: Colorizer) -> list[float]:
    """Temperatures at which the page knows color, from calm to vivid; the run's own is one, and alone without bins."""
    own = colorizer.read_out.vividness
    if not colorizer.weights.network.config.bins:
        return [own]
    nearest = min(READINGS, key=lambda value: abs(value - own))
    return sorted({own, *READINGS} - {nearest} | {own}, reverse=True)


def open_picture(item: Found, folder: Path, config: ReviewConfig, colorizer: Colorizer, settings: str) -> Opened:
    """Read a picture, unless its sheet is there.

    Raises:
        InputError: it cannot be read.
    """
    with decoder_errors(item.source):
        data = item.still or read_bytes(item.path)
    sha256 = hashlib.sha256(data).hexdigest()
    identity = hashlib.sha256(f"{sha256} {settings} {item.name}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    try:
        script = (folder / SHEETS / f"{identity}.js").read_bytes()
        entry_of(script)
        return Opened(identity, sha256, script)
    except (OSError, ValueError, KeyError):  # none yet, or half of one
        pass
    name, usual = item.source, ColorizeConfig()
    picture = read_picture(data, name, config.max_pixels)
    if not item.still and any(is_colored(frame.pixels) for frame in picture.frames):
        reason = "in color already: koala colorize copies it"
        return Opened(record=Record(name, "", Outcome.SKIPPED, reason, kind="in color already"))
    with decoder_errors(name):
        graftable = open_graftable(data, config.max_pixels)
    grafts = isinstance(graftable, Graftable)
    canvas: Canvas = (
        Graft.open(data, graftable, usual, colorizer)
        if isinstance(graftable, Graftable)
        else Still.open(picture, picture.format, usual, colorizer)
    )
    lightness = lightness_of(picture.pixels)
    height, width = lightness.shape[:2]
    # Hints are for pictures of one frame; of others the page takes verdicts alone.
    facts = {**item.facts, "graft": grafts, "single": len(picture.frames) == 1}
    return Opened(identity, sha256, b"", None, (height, width), shrink(lightness, LONG_SIDES[0]), canvas, facts)


def ask(colorizer: Colorizer, batch: list[Opened]) -> list[Answer]:
    """What the network says of a batch."""
    seen = [opened.canvas.seen[0] for opened in batch if opened.canvas]
    bins = bool(colorizer.weights.network.config.bins)
    said = colorizer.predict(seen, features=True, bin_probs=bins)
    return [_answer_of(colorizer, lightness, said, place) for place, lightness in enumerate(seen)]


def _answer_of(colorizer: Colorizer, seen: Array, said: Prediction, place: int) -> Answer:
    assert said.features is not None
    ab, features = said.ab[place], said.features[place]
    if said.bin_probs is None:
        return Answer([ab], features, None)
    bin_probs, own = said.bin_probs[place], colorizer.read_out.vividness
    readings = [
        ab if value == own else colorizer.read_again(seen, bin_probs, features, value)
        for value in vividnesses_of(colorizer)
    ]
    return Answer(readings, features, bin_probs)


def close_picture(
    item: Found, opened: Opened, answer: Answer | None, folder: Path, colorizer: Colorizer
) -> tuple[Record, dict[str, Any] | None]:
    """Write a picture's sheet; what came of it, and the page's entry of it.

    Raises:
        OutputError, StorageFullError: it cannot be written.
    """
    if opened.record:
        return opened.record, None
    target = folder / SHEETS / f"{opened.identity}.js"
    if answer is None:
        record = Record(item.source, str(target), Outcome.SKIPPED, "its sheet is there", kind="there already")
        return record, entry_of(opened.script)
    assert opened.shown is not None
    assert opened.canvas is not None
    guide = opened.canvas.guides[0]
    own = vividnesses_of(colorizer).index(colorizer.read_out.vividness)
    ab, likely, proposals = answer.readings[own], None, []
    if answer.bin_probs is not None:
        likely = likely_colors(answer.bin_probs, colorizer.weights.network.tables["gamut_bins"])
        seen = opened.canvas.seen[0]
        proposals = colorizer.propose_from(seen, ab, answer.features, answer.bin_probs, PROPOSALS)[1:]
    sheet = Sheet(
        item.name,
        opened.sha256,
        opened.size,
        opened.shown,
        guide,
        answer.readings,
        own,
        proposals,
        answer.features,
        likely,
        opened.facts,
    )
    script = encode_sheet(sheet, opened.identity)
    write_file(target, script)
    height, width = opened.size
    return Record(item.source, str(target), Outcome.DONE, width=width, height=height), entry_of(script)
