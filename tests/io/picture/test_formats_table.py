"""docs/formats.md says what is kept; this test colorizes every kind of file and measures it.

`python tests/test_formats_table.py` writes the table anew.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import formats_inputs as inputs
import numpy as np
import pytest
from PIL import Image

from koalacli.color.lab import lightness_of
from koalacli.config import ColorizeConfig
from koalacli.io.picture.graft import luma_of_jpeg
from koalacli.io.picture.profiles import is_srgb
from koalacli.io.picture.read import read_picture
from koalacli.io.picture.xmp import DIGITAL_SOURCE
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = ROOT / "docs" / "formats.md"
BEGIN, END = "<!-- table: made by tests/test_formats_table.py -->", "<!-- end of table -->"
COLUMNS = (
    "file", "mode", "bits", "size", "lightness", "alpha", "frames", "EXIF", "XMP", "IPTC", "dpi",
    "profile", "provenance",
)  # fmt: skip


def colorize_all(folder: Path) -> list[Record]:
    """Make all inputs under a folder and colorize them into its `out`."""
    inputs.write_inputs(folder / "in")
    records = colorize(str(folder / "in"), str(folder / "out"), ColorizeConfig(device="cpu", verify=True))
    return [record for record in records if isinstance(record, Record)]


def measure(name: str, before: Path, after: Path) -> tuple[str, ...]:
    """One row of the table."""
    source, result = read_picture(before), read_picture(after)
    said, says = metadata_of(before), metadata_of(after)
    pairs = list(zip(source.frames, result.frames, strict=True))
    kept = [
        name,
        inputs.INPUTS[name][0],
        "/".join(dict.fromkeys(f"{frame.pixels.dtype.itemsize * 8}" for frame in result.frames)),
        "kept" if all(a.pixels.shape[:2] == b.pixels.shape[:2] for a, b in pairs) else "CHANGED",
        lightness_word(before, after, pairs),
        alpha_word(pairs),
        frames_word(source, result),
    ]
    kept += [word(said[key], says[key]) for key in ("EXIF", "XMP", "IPTC", "dpi")]
    kept += [profile_word(says["icc"]), "told" if says["told"] else "–"]
    return tuple(kept)


def lightness_word(before: Path, after: Path, pairs: list[Any]) -> str:
    """How well lightness is kept, in steps that do not hang on a library's version."""
    if before.suffix == ".jpg" and np.array_equal(luma_of_jpeg(before.read_bytes()), luma_of_jpeg(after.read_bytes())):
        return "luma bit for bit"
    errors = [np.abs(lightness_of(a.pixels) - lightness_of(b.pixels)) for a, b in pairs]
    worst, mean = max(float(error.max()) for error in errors), max(float(error.mean()) for error in errors)
    for limit in (0.02, 0.65):
        if worst <= limit:
            return f"≤ {limit} L\\*"
    return "≤ 1 L\\* on average" if mean <= 1 else f"OFF BY {mean:.1f} ON AVERAGE"


def alpha_word(pairs: list[Any]) -> str:
    """Whether transparency is what it was."""
    if all(a.alpha is None for a, _ in pairs):
        return "–"
    return "kept" if all(np.array_equal(opacity(a), opacity(b)) for a, b in pairs) else "CHANGED"


def opacity(frame: Any) -> Any:
    """Alpha, all opaque where there is none: encoders of animations drop a plane that says nothing."""
    full = np.iinfo(frame.pixels.dtype).max
    return np.full(frame.pixels.shape[:2], full, frame.pixels.dtype) if frame.alpha is None else frame.alpha


def frames_word(source: Any, result: Any) -> str:
    """Number of frames, and their times where they have any."""
    times = [frame.milliseconds for frame in source.frames]
    same = times == [frame.milliseconds for frame in result.frames] and source.loop == result.loop
    if len(times) == 1:
        return "1"
    return f"{len(times)}" + ("" if not any(times) else ", times kept" if same else ", TIMES CHANGED")


def word(before: Any, after: Any) -> str:
    """What became of one kind of metadata."""
    if not before:
        return "–"
    return "kept" if before == after else "lost" if not after else "CHANGED"


def profile_word(profile: bytes | None) -> str:
    """Which profile an output has."""
    return "–" if not profile else "sRGB" if is_srgb(profile) else "gray's curve"


def metadata_of(path: Path) -> dict[str, Any]:
    """What Pillow finds in a file."""
    with Image.open(path) as image:
        image.load()
        exif, info = image.getexif(), image.info
        xmp = info.get("xmp", b"")
        xmp = xmp if isinstance(xmp, bytes) else xmp.encode()
        if image.format in ("GIF", "JPEG2000"):  # Pillow does not look for it
            xmp = path.read_bytes()
        tags = getattr(image, "tag_v2", {})
        dpi = info.get("dpi")
        return {
            "EXIF": exif.get(0x010E) or (info.get("comment", b"").decode() if image.format == "GIF" else ""),
            "XMP": b'photoshop:City="Tulare"' in xmp,
            "IPTC": info.get("photoshop", {}).get(0x0404) or tags.get(33723),
            "dpi": dpi and tuple(round(value) for value in dpi) if dpi != (1, 1) else None,
            "icc": info.get("icc_profile"),
            "told": DIGITAL_SOURCE.encode() in xmp,
        }


def table(folder: Path) -> list[str]:
    """The table in Markdown, from files colorized into a folder's `out`."""
    rows = [measure(name, folder / "in" / name, folder / "out" / name) for name in inputs.INPUTS]
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


@pytest.fixture(scope="module")
def colorized(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record]]:
    """All inputs, colorized."""
    folder = tmp_path_factory.mktemp("formats")
    return folder, colorize_all(folder)


def test_every_kind_is_colorized_and_verified(colorized: tuple[Path, list[Record]]) -> None:
    """No input of the table fails, and --verify has looked at each."""
    _, records = colorized
    assert {record.outcome for record in records} == {Outcome.DONE}
    assert len(records) == len(inputs.INPUTS)
    assert all("verified" in record.reason for record in records)


def test_the_table_in_the_docs_is_what_was_measured(colorized: tuple[Path, list[Record]]) -> None:
    """docs/formats.md holds no cell that this run does not bear out."""
    documented = DOCUMENT.read_text("utf-8").split(BEGIN)[1].split(END)[0].strip().splitlines()
    assert documented == table(colorized[0])


def test_every_output_has_color(colorized: tuple[Path, list[Record]]) -> None:
    """Outputs are in color, not gray ones passed through; pure black and white have no room for any."""
    for name in inputs.INPUTS:
        pixels = read_picture(colorized[0] / "out" / name).pixels
        assert ("1bit" in name) == (pixels.ndim == 2), name


def test_nothing_in_the_table_is_lost_or_changed_without_a_word() -> None:
    """Cells in capitals would be defects: the table must have none."""
    assert not any(part.isupper() and part not in COLUMNS and len(part) > 5 for part in _words())


def _words() -> list[str]:
    rows = DOCUMENT.read_text("utf-8").split(BEGIN)[1].split(END)[0].splitlines()[3:]
    return [part for row in rows for cell in row.split("|")[7:] for part in cell.replace(",", "").split()]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        colorize_all(Path(made))
        head, rest = DOCUMENT.read_text("utf-8").split(BEGIN)
        text = f"{head}{BEGIN}\n" + "\n".join(table(Path(made))) + f"\n{END}" + rest.split(END)[1]
        DOCUMENT.write_text(text, "utf-8")
        sys.stdout.write(text)
