"""`koala review`: from a folder of pictures to a folder with a page."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from koalacli.colorizer import Colorizer
from koalacli.config import ReviewConfig
from koalacli.control.decisions import color_settings
from koalacli.control.hints import DEFAULT_SCOPE
from koalacli.control.kernel import SCOPES, SMALLEST_SPOT
from koalacli.control.solver import RIDGE
from koalacli.errors import KoalaError, NothingMatchedError, OutputError, StorageFullError, UsageError, writing_errors
from koalacli.io.files import TEMPORARY, remove_leftovers
from koalacli.io.paths import find_files, stray_of
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.names import CSS_COLORS
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.texts import as_json, write_text
from koalacli.pipelines.review.film import Film, is_one_film, open_film
from koalacli.pipelines.review.pictures import SHEETS, Found, Opened, ask, close_picture, open_picture, vividnesses_of
from koalacli.process import quiet_libraries, worker_count
from koalacli.records import Outcome, Phase, Record, Started
from koalacli.report.review import MARK, review_page
from koalacli.report.sheets import SHEET_VERSION
from koalacli.settings import read_out_of
from koalacli.stream import Stage, stream
from koalacli.version import __version__

PAGE = "index.html"
SHEET_NAME = re.compile(r"[0-9a-f]{24}\.js")


def review(source: str, config: ReviewConfig, colorizer: Colorizer | None = None) -> Iterator[Started | Phase | Record]:
    """Make the page of a batch.

    Args:
        source: a picture, a folder or a glob; or a film, of which every scene is shown by its middle frame.
        config: see ReviewConfig.
        colorizer: a network that is loaded already; by default the one that config asks for.

    Yields:
        Started once, then one Record per input; the page is written last. Sheets that an earlier run has made of the
        same files by the same settings stay.

    Raises:
        KoalaError: the request itself cannot be met; nothing has been written then.
    """
    folder = Path(config.output)
    films = is_one_film(source)
    found, strays = ([], []) if films else _find(source, folder, config)
    _check_folder(folder)
    inputs = [item.path for item in found]
    check_side_outputs(side_outputs(config), [config.weights, source, folder, folder / PAGE, *inputs])
    quiet_libraries()
    with writing_errors(folder):
        (folder / SHEETS).mkdir(parents=True, exist_ok=True)
    for place in (folder, folder / SHEETS):
        remove_leftovers(place)
    colorizer = colorizer or Colorizer(
        config.weights, config.device, batch_size=config.batch_size, **read_out_of(config)
    )
    film = None
    if films:
        yield Phase(f"looking for the scenes of {source}")
        film = open_film(source, colorizer)
    names = film.names if film else [item.name for item in found]
    yield Started(len(names) + len(strays), colorizer.device, colorizer.weights.name, colorizer.batch_size)
    yield from strays
    entries: dict[str, dict[str, Any]] = {}
    for item, result in _run(film.stills() if film else found, folder, config, colorizer):
        if isinstance(result, StorageFullError):
            raise result
        if isinstance(result, KoalaError):
            yield Record(item.source, "", Outcome.FAILED, str(result))
            continue
        record, entry = result
        yield record
        if entry:
            entries[item.name] = entry
    if film and film.damage:
        yield Record(source, "", Outcome.FAILED, f"{source}: damaged: {', '.join(film.damage[:3])}")
    _write_page(folder, [entries[name] for name in names if name in entries], colorizer, film)


def _find(source: str, folder: Path, config: ReviewConfig) -> tuple[list[Found], list[Record]]:
    files, strays = find_files(source, str(folder), recursive=config.recursive, follow_links=config.follow_links)
    pictures = [Found(path, relative.as_posix()) for path, relative in files if codec_of(path)]
    skipped = [stray.record() for stray in strays]
    skipped += [stray_of(path, str(path)).record() for path, _ in files if not codec_of(path)]
    if not pictures:
        raise NothingMatchedError(f"{source}: no pictures found; of films, give one by itself")
    return pictures, skipped


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than an earlier page."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; give a folder with -o")
    page = folder / PAGE
    if any(path.is_symlink() for path in (page, folder / SHEETS)):
        raise UsageError(f"{folder}: its {PAGE} or {SHEETS} is a link; remove it, or give another folder with -o")
    ours = page.is_file() and MARK in page.read_text("utf-8", errors="replace")[:4000]
    begun = folder.is_dir() and all(path.name == SHEETS and _holds_sheets(path) for path in folder.iterdir())
    if folder.is_dir() and not ours and not begun:
        raise UsageError(f"{folder}: holds other things than a review; give another folder with -o")


def _holds_sheets(folder: Path) -> bool:
    """Whether there is nothing but sheets, as an interrupted run leaves them."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else [""]
    return all(SHEET_NAME.fullmatch(name) or name.endswith(TEMPORARY) for name in names)


def _run(
    found: Iterable[Found], folder: Path, config: ReviewConfig, colorizer: Colorizer
) -> Iterator[tuple[Found, tuple[Record, dict[str, Any] | None] | KoalaError]]:
    known = as_json([SHEET_VERSION, __version__, color_settings(colorizer.weights.digest, colorizer.read_out)])
    settings = hashlib.sha256(known.encode()).hexdigest()
    stage: Stage[Found, Opened, tuple[Record, dict[str, Any] | None]] = Stage(
        read=lambda item: open_picture(item, folder, config, colorizer, settings),
        key=lambda opened: opened.canvas.guides[0].shape if opened.canvas else None,
        run=lambda batch: ask(colorizer, batch),
        write=lambda item, opened, opinion: close_picture(item, opened, opinion, folder, colorizer),
    )
    workers = worker_count(config.workers)
    return stream(found, stage, batch_size=colorizer.batch_size, workers=workers, ahead=2 * colorizer.batch_size)


def _write_page(folder: Path, entries: list[dict[str, Any]], colorizer: Colorizer, film: Film | None) -> None:
    if not entries:
        raise OutputError(f"{folder}: none of the pictures is gray and can be read; there is nothing to review")
    bins = colorizer.weights.network.tables.get("gamut_bins")
    content = as_json([entry["sha256"] for entry in entries])
    facts: dict[str, Any] = {
        "film": film.facts if film else None,
        "batch": hashlib.sha256(content.encode()).hexdigest()[:16],
        "weights": colorizer.weights.name,
        "settings": color_settings(colorizer.weights.digest, colorizer.read_out),
        "koala": __version__,
        "solver": {
            "scopes": {name: asdict(scope) for name, scope in SCOPES.items()},
            "defaultScope": DEFAULT_SCOPE,
            "ridge": RIDGE,
            "smallestSpot": SMALLEST_SPOT,
        },
        "vividness": {"own": colorizer.read_out.vividness, "known": vividnesses_of(colorizer)},
        "cssColors": CSS_COLORS,
        "bins": [] if bins is None else np.asarray(bins).round(2).tolist(),
    }
    write_text(folder / PAGE, review_page(entries, facts))
    current = {f"{entry['id']}.js" for entry in entries}
    for sheet in (folder / SHEETS).iterdir():  # of files that are gone or changed
        if SHEET_NAME.fullmatch(sheet.name) and sheet.name not in current:
            sheet.unlink()
