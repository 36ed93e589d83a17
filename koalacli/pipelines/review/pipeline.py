"""`koala review`: from a folder of pictures to a folder with a page."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.color.lab import lightness_of
from koalacli.colorizer import Colorizer
from koalacli.config import ReviewConfig
from koalacli.control.hints import DEFAULT_SCOPE
from koalacli.control.kernel import SCOPES, SMALLEST_SPOT
from koalacli.control.proposals import COLORINGS
from koalacli.control.solver import RIDGE
from koalacli.errors import KoalaError, NothingMatchedError, OutputError, StorageFullError, UsageError
from koalacli.io.files import TEMPORARY, remove_leftovers
from koalacli.io.paths import find_files, stray_of
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import decoder_errors, read_bytes, read_picture
from koalacli.io.side_outputs import check_side_outputs
from koalacli.io.texts import as_json, write_text
from koalacli.photograph.guides import guide_of, seen_of
from koalacli.process import quiet_libraries, worker_count
from koalacli.records import Outcome, Record, Started
from koalacli.report.review import MARK, review_page
from koalacli.report.sheets import LONG_SIDE, SHEET_VERSION, Sheet, encode_sheet, entry_of, likely_colors
from koalacli.settings import read_out_of
from koalacli.stream import Stage, stream
from koalacli.version import __version__

PAGE, SHEETS = "index.html", "pictures"
SHEET_NAME = re.compile(r"[0-9a-f]{24}\.js")


@dataclass(frozen=True)
class Found:
    """One picture of the batch: where it lies, and what the page calls it."""

    path: Path
    name: str


@dataclass(frozen=True)
class Opened:
    """A picture between reading and writing; `script` where its sheet is there already.

    `seen` is what the network sees in place of `guide`: another for toned pictures.
    """

    identity: str
    sha256: str
    script: str = ""
    size: tuple[int, int] = (0, 0)
    lightness: Array | None = None
    guide: Array | None = None
    seen: Array | None = None


@dataclass(frozen=True)
class Said:
    """What the network says of one picture: color and features, float32 (h, w, C), and bin probabilities or None."""

    ab: Array
    features: Array
    bin_probs: Array | None


def review(source: str, config: ReviewConfig, colorizer: Colorizer | None = None) -> Iterator[Started | Record]:
    """Make the page of a batch.

    Args:
        source: a picture, a folder or a glob.
        config: see ReviewConfig.
        colorizer: a network that is loaded already; by default the one that config asks for.

    Yields:
        Started once, then one Record per input; the page is written last. Sheets that an earlier run has made of the
        same files by the same settings stay.

    Raises:
        KoalaError: the request itself cannot be met; nothing has been written then.
    """
    folder = Path(config.output)
    found, strays = _find(source, folder, config)
    _check_folder(folder)
    inputs = [item.path for item in found]
    check_side_outputs({"--report": config.report}, [config.weights, source, folder, folder / PAGE, *inputs])
    quiet_libraries()
    (folder / SHEETS).mkdir(parents=True, exist_ok=True)
    for place in (folder, folder / SHEETS):
        remove_leftovers(place)
    colorizer = colorizer or Colorizer(
        config.weights, config.device, batch_size=config.batch_size, **read_out_of(config)
    )
    yield Started(len(found) + len(strays), colorizer.device, colorizer.weights.name, colorizer.batch_size)
    yield from strays
    entries: dict[str, dict[str, Any]] = {}
    for item, result in _run(found, folder, config, colorizer):
        if isinstance(result, StorageFullError):
            raise result
        if isinstance(result, KoalaError):
            yield Record(str(item.path), "", Outcome.FAILED, str(result))
            continue
        record, entries[item.name] = result
        yield record
    _write_page(folder, [entries[item.name] for item in found if item.name in entries], colorizer)


def _find(source: str, folder: Path, config: ReviewConfig) -> tuple[list[Found], list[Record]]:
    files, strays = find_files(source, str(folder), recursive=config.recursive, follow_links=config.follow_links)
    pictures = [Found(path, relative.as_posix()) for path, relative in files if codec_of(path)]
    skipped = [stray.record() for stray in strays]
    skipped += [stray_of(path, str(path)).record() for path, _ in files if not codec_of(path)]
    if not pictures:
        raise NothingMatchedError(
            f"{source}: no pictures found; for a film, review the stills that `koala video --export-scenes` makes"
        )
    return pictures, skipped


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than an earlier page."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; give a folder with -o")
    page = folder / PAGE
    ours = page.is_file() and MARK in page.read_text("utf-8", errors="replace")[:4000]
    begun = folder.is_dir() and all(path.name == SHEETS and _holds_sheets(path) for path in folder.iterdir())
    if folder.is_dir() and not ours and not begun:
        raise UsageError(f"{folder}: holds other things than a review; give another folder with -o")


def _holds_sheets(folder: Path) -> bool:
    """Whether there is nothing but sheets, as an interrupted run leaves them."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else [""]
    return all(SHEET_NAME.fullmatch(name) or name.endswith(TEMPORARY) for name in names)


def _run(
    found: list[Found], folder: Path, config: ReviewConfig, colorizer: Colorizer
) -> Iterator[tuple[Found, tuple[Record, dict[str, Any]] | KoalaError]]:
    settings = hashlib.sha256(
        as_json([SHEET_VERSION, __version__, colorizer.weights.digest, asdict(colorizer.read_out)]).encode()
    ).hexdigest()
    stage: Stage[Found, Opened, tuple[Record, dict[str, Any]]] = Stage(
        read=lambda item: _open(item, folder, config, colorizer, settings),
        key=lambda opened: None if opened.guide is None else opened.guide.shape,
        run=lambda batch: _predict(colorizer, batch),
        write=lambda item, opened, said: _close(item, opened, said, folder, colorizer),
    )
    workers = worker_count(config.workers)
    return stream(found, stage, batch_size=colorizer.batch_size, workers=workers, ahead=2 * colorizer.batch_size)


def _open(item: Found, folder: Path, config: ReviewConfig, colorizer: Colorizer, settings: str) -> Opened:
    with decoder_errors(str(item.path)):
        data = read_bytes(item.path)
    sha256 = hashlib.sha256(data).hexdigest()
    identity = hashlib.sha256(f"{sha256} {settings} {item.name}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    try:
        script = (folder / SHEETS / f"{identity}.js").read_text("ascii")
        entry_of(script)
        return Opened(identity, sha256, script)
    except (OSError, ValueError, KeyError):  # none yet, or half of one
        pass
    picture = read_picture(data, str(item.path), config.max_pixels)
    lightness = lightness_of(picture.pixels)
    height, width = lightness.shape[:2]
    guide = guide_of(picture.pixels, colorizer)
    seen = seen_of(picture.pixels, guide, colorizer)
    return Opened(identity, sha256, "", (height, width), _shown(lightness), guide, seen)


def _shown(lightness: Array) -> Array:
    """Lightness at the size at which the page shows it."""
    height, width = lightness.shape[:2]
    scale = LONG_SIDE / max(height, width)
    if scale >= 1:
        return lightness
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(lightness, size, interpolation=cv2.INTER_AREA)[..., None])


def _predict(colorizer: Colorizer, batch: list[Opened]) -> list[Said]:
    bins = bool(colorizer.weights.network.config.bins)
    said = colorizer.predict(
        [opened.seen for opened in batch if opened.seen is not None], features=True, bin_probs=bins
    )
    assert said.features is not None
    return [
        Said(said.ab[place], said.features[place], None if said.bin_probs is None else said.bin_probs[place])
        for place in range(len(batch))
    ]


def _close(
    item: Found, opened: Opened, said: Said | None, folder: Path, colorizer: Colorizer
) -> tuple[Record, dict[str, Any]]:
    target = folder / SHEETS / f"{opened.identity}.js"
    if said is None:
        return Record(
            str(item.path), str(target), Outcome.SKIPPED, "its sheet is there", kind="there already"
        ), entry_of(opened.script)
    assert opened.lightness is not None
    assert opened.guide is not None
    likely = None
    if said.bin_probs is not None:
        likely = likely_colors(said.bin_probs, colorizer.weights.network.tables["gamut_bins"])
    colorings = [said.ab, *_other_colorings(said, colorizer)]
    sheet = Sheet(
        item.name, opened.sha256, opened.size, opened.lightness, opened.guide, colorings, said.features, likely
    )
    script = encode_sheet(sheet, opened.identity)
    write_text(target, script)
    height, width = opened.size
    return Record(str(item.path), str(target), Outcome.DONE, width=width, height=height), entry_of(script)


def _other_colorings(said: Said, colorizer: Colorizer) -> list[Array]:
    """Small ab of the COLORINGS that are not the run's own."""
    if said.bin_probs is None:
        return []
    return [colorizer.read_bins(said.bin_probs, vividness) for vividness in COLORINGS.values() if vividness]


def _write_page(folder: Path, entries: list[dict[str, Any]], colorizer: Colorizer) -> None:
    if not entries:
        raise OutputError(f"{folder}: none of the pictures could be read; there is nothing to review")
    bins = colorizer.weights.network.tables.get("gamut_bins")
    content = as_json([entry["sha256"] for entry in entries])
    facts = {
        "batch": hashlib.sha256(content.encode()).hexdigest()[:16],
        "weights": colorizer.weights.name,
        "koala": __version__,
        "solver": {
            "scopes": {name: asdict(scope) for name, scope in SCOPES.items()},
            "defaultScope": DEFAULT_SCOPE,
            "ridge": RIDGE,
            "smallestSpot": SMALLEST_SPOT,
        },
        "colorings": [[name, vividness] for name, vividness in COLORINGS.items()],
        "bins": [] if bins is None else np.asarray(bins).round(2).tolist(),
    }
    write_text(folder / PAGE, review_page(entries, facts))
    current = {f"{entry['id']}.js" for entry in entries}
    for sheet in (folder / SHEETS).iterdir():  # of files that are gone or changed
        if SHEET_NAME.fullmatch(sheet.name) and sheet.name not in current:
            sheet.unlink()
