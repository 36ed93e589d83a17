"""Make the pictures of docs/control.md: as koala guesses, and with what somebody knows.

python tools/make_control_pictures.py HISTORICAL docs/images/control
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from koalacli import Colorizer, Hint
from koalacli.arrays import Rgb8
from koalacli.control.hints import Hints
from koalacli.control.painted import strokes_of
from koalacli.io.picture.picture import Frame

HEIGHT = 360
POINTS = {
    "keller_chaplin_1919": [Hint(0.465, 0.37, "#5c4a38"), Hint(0.46, 0.27, "#5c4a38")],
    "detroit_1915": [
        Hint(0.35, 0.12, "#b4c8dc", scope="place"),
        Hint(0.12, 0.40, "#80685a"),
        Hint(0.75, 0.55, "#8f8069"),
    ],
}
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
    row = []
    for rgb8 in pictures:
        size = (round(rgb8.shape[1] * HEIGHT / rgb8.shape[0]), HEIGHT)
        row += [cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA), np.full((HEIGHT, 6, 3), 255, np.uint8)]
    cv2.imwrite(str(path), np.hstack(row[:-1])[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])


def marked(rgb8: Rgb8, hints: list[Hint]) -> Rgb8:
    """A copy with a ring around every point."""
    height, width = rgb8.shape[:2]
    shown = np.ascontiguousarray(rgb8)
    for hint in hints:
        place = (round(hint.x * width), round(hint.y * height))
        for color, thickness in ((0, height // 90), (255, height // 180)):
            cv2.circle(shown, place, height // 45, (color,) * 3, thickness)
    return shown


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    colorizer = Colorizer()
    for name, hints in POINTS.items():
        gray = cv2.imread(str(source / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE)
        made = colorizer.colorize(gray, hints=hints)
        side_by_side([colorizer.colorize(gray), marked(made, hints)], target / f"{name}.jpg")
    gray = cv2.imread(str(source / f"{PAINTED}.jpg"), cv2.IMREAD_GRAYSCALE)
    height, width = gray.shape
    copy = np.repeat(gray[..., None], 3, -1)
    for corners, color in STROKES:
        first, last = ((round(x * width), round(y * height)) for x, y in corners)
        cv2.line(copy, first, last, color, height // 40)
    made = colorizer.colorize(gray, hints=Hints(tuple(strokes_of(Frame(copy)))))
    side_by_side([colorizer.colorize(gray), copy, made], target / "painted.jpg")
