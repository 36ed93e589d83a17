"""Make the pictures of docs/control.md and examples/hinted: as koala guesses, and with what somebody knows.

    python tools/make_control_pictures.py

What is known is in examples/hints.json; `koala colorize examples colored --hints examples/hints.json` makes the same.
"""

import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from koalacli import Colorizer, Hint
from koalacli.arrays import Rgb8
from koalacli.config import ColorizeConfig
from koalacli.control.book import read_book
from koalacli.control.hints import Hints
from koalacli.control.painted import strokes_of
from koalacli.io.picture.picture import Frame
from koalacli.io.picture.read import read_picture
from koalacli.pipelines.colorize import colorize

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES, PICTURES = ROOT / "examples", ROOT / "docs" / "images" / "control"
HEIGHT, WIDEST = 360, 1200
PAINTED = "london_boy_1945_frissell"
# Strokes: corners as shares of width and height, and a color.
STROKES = [
    (((0.38, 0.50), (0.50, 0.50)), (96, 110, 140)),  # the toy
    (((0.42, 0.66), (0.60, 0.76)), (96, 110, 140)),
    (((0.34, 0.50), (0.32, 0.58)), (92, 84, 64)),  # the coat
    (((0.62, 0.42), (0.70, 0.50)), (92, 84, 64)),
    (((0.25, 0.75), (0.42, 0.80)), (92, 84, 64)),
]


def side_by_side(pictures: list[Rgb8], path: Path) -> None:
    """Write pictures in a row as a small JPEG."""
    height = min(HEIGHT, WIDEST * pictures[0].shape[0] // (len(pictures) * pictures[0].shape[1]))
    row = []
    for rgb8 in pictures:
        size = (round(rgb8.shape[1] * height / rgb8.shape[0]), height)
        row += [cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA), np.full((height, 6, 3), 255, np.uint8)]
    cv2.imwrite(str(path), np.hstack(row[:-1])[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])


def marked(rgb8: Rgb8, hints: tuple[Hint, ...]) -> Rgb8:
    """A copy with a ring around every point."""
    height, width = rgb8.shape[:2]
    shown = rgb8.copy()
    for hint in hints:
        place = (round(hint.x * width), round(hint.y * height))
        for color, thickness in ((0, height // 90), (255, height // 180)):
            cv2.circle(shown, place, height // 45, (color,) * 3, thickness)
    return shown


def write_hinted(colorizer: Colorizer) -> None:
    """Every picture of the hints file: the result, and the row that shows it beside the guess."""
    book = EXAMPLES / "hints.json"
    entries, faults = read_book(book)
    assert not faults, faults
    with tempfile.TemporaryDirectory() as made:
        names = tuple(Path(entry.name).name for entry in entries)
        for folder, hints in (("guess", ""), ("hinted", str(book))):
            config = ColorizeConfig(hints=hints, include=names, exclude=("hinted",))
            list(colorize(str(EXAMPLES), str(Path(made, folder)), config, colorizer))
        for entry in entries:
            guess, hinted = (Path(made, folder, entry.name) for folder in ("guess", "hinted"))
            shutil.copy(hinted, EXAMPLES / "hinted" / hinted.name)
            shown = marked(read_picture(hinted).pixels, entry.hints.points)
            side_by_side([read_picture(guess).pixels, shown], PICTURES / f"{hinted.stem}.jpg")


def write_painted(colorizer: Colorizer) -> None:
    """A painted copy between the guess and what it makes of it."""
    gray = read_picture(EXAMPLES / f"{PAINTED}.jpg").pixels
    gray = gray if gray.ndim == 2 else cv2.cvtColor(gray, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    copy = np.repeat(gray[..., None], 3, -1)
    for corners, color in STROKES:
        first, last = ((round(x * width), round(y * height)) for x, y in corners)
        cv2.line(copy, first, last, color, height // 40)
    made = colorizer.colorize(gray, hints=Hints(tuple(strokes_of(Frame(copy)))))
    side_by_side([colorizer.colorize(gray), copy, made], PICTURES / "painted.jpg")


if __name__ == "__main__":
    for folder in (PICTURES, EXAMPLES / "hinted"):
        folder.mkdir(parents=True, exist_ok=True)
    network = Colorizer()
    write_hinted(network)
    write_painted(network)
