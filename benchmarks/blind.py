"""Which of two weights gives the better colors, to someone who does not know which is which.

    python benchmarks/blind.py draw FOLDER... --weights OLD --weights NEW --out DIR [--limit 60] [--seed 1] [--rows 6]
    python benchmarks/blind.py count DIR

`draw` colors the pictures of every FOLDER (of each, --limit at most, spread over its names) with both weights, by each
one's own read-out, and writes sheets: a numbered pair per row, left and right drawn by lot. DIR/key.json says who is
where: do not open it. Write DIR/votes.csv, a line per pair that was looked at: `number,left`, `number,right` or
`number,same`. `count` opens the key and prints as JSON how often each was preferred, and the probability that a
difference as large comes by chance (two-sided sign test, ties left out).
"""

import argparse
import csv
import json
import math
import sys
from pathlib import Path

import cv2
import numpy as np

from koalacli import Colorizer
from koalacli.arrays import Rgb8
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import read_picture
from koalacli.report.pictures import shrink

SIDE, GAP, LABEL = 400, 8, 56
SIDES = ("left", "right")
KEY, VOTES = "key.json", "votes.csv"


def pictures(folder: Path, limit: int) -> list[Path]:
    """At most so many pictures of a folder, evenly spread over its sorted names."""
    found = sorted(path for path in folder.iterdir() if codec_of(path))
    chosen = np.linspace(0, len(found) - 1, min(limit, len(found))).round().astype(int)
    return [found[place] for place in chosen]


def gray_of(path: Path) -> Rgb8:
    """A picture of at most SIDE pixels, uint8 (H, W, 3); only its lightness is used afterwards."""
    pixels = read_picture(path).pixels
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8)


def row(number: int, pair: tuple[Rgb8, Rgb8]) -> Rgb8:
    """A number, then both pictures in equal frames."""
    canvas = np.full((SIDE + GAP, LABEL + 2 * (SIDE + GAP), 3), 255, np.uint8)
    cv2.putText(canvas, str(number), (4, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2, cv2.LINE_AA)
    for place, picture in enumerate(pair):
        small = shrink(picture, SIDE)
        height, width = small.shape[:2]
        left = LABEL + place * (SIDE + GAP)
        canvas[:height, left : left + width] = small
    return canvas[: max(shrink(picture, SIDE).shape[0] for picture in pair) + GAP]


def draw(given: argparse.Namespace) -> None:
    """Color, mix and write sheets with their key."""
    out = Path(given.out)
    out.mkdir(parents=True)
    paths = [path for folder in given.folders for path in pictures(Path(folder), given.limit)]
    random = np.random.default_rng(given.seed)
    random.shuffle(paths)  # type: ignore[arg-type]
    colorizers = [Colorizer(weights) for weights in given.weights]
    key, rows = {}, []
    for number, path in enumerate(paths, 1):
        gray = gray_of(path)
        made = [colorizer.colorize(gray) for colorizer in colorizers]
        first = int(random.integers(2))
        key[number] = {"picture": path.name, **{side: given.weights[first ^ i] for i, side in enumerate(SIDES)}}
        rows.append(row(number, (made[first], made[1 - first])))
    for place in range(0, len(rows), given.rows):
        sheet = np.concatenate(rows[place : place + given.rows])
        cv2.imwrite(str(out / f"sheet-{place // given.rows + 1:02d}.jpg"), sheet[..., ::-1])
    (out / KEY).write_text(json.dumps(key, indent=1))


def count(given: argparse.Namespace) -> None:
    """Open the key and print who was preferred."""
    out = Path(given.out)
    key = json.loads((out / KEY).read_text())
    preferred: dict[str, list[str]] = {"same": []}
    with (out / VOTES).open(newline="") as file:
        for number, vote in csv.reader(file):
            pair = key[number]
            preferred.setdefault("same" if vote == "same" else pair[vote], []).append(pair["picture"])
    counts = sorted((len(names) for name, names in preferred.items() if name != "same"), reverse=True)
    votes, most = sum(counts), counts[0] if counts else 0
    chance = min(1.0, 2 * sum(math.comb(votes, k) for k in range(most, votes + 1)) / 2**votes)
    report = {"preferred": {name: len(names) for name, names in preferred.items()}, "by_chance": round(chance, 4)}
    json.dump({**report, "pictures": preferred}, sys.stdout, indent=1)
    sys.stdout.write("\n")


def main() -> None:
    """Draw or count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True)
    drawing = actions.add_parser("draw")
    drawing.add_argument("folders", nargs="+")
    drawing.add_argument("--weights", action="append", required=True, help="twice")
    drawing.add_argument("--out", required=True)
    drawing.add_argument("--limit", type=int, default=60)
    drawing.add_argument("--seed", type=int, default=1)
    drawing.add_argument("--rows", type=int, default=6)
    drawing.set_defaults(run=draw)
    counting = actions.add_parser("count")
    counting.add_argument("out")
    counting.set_defaults(run=count)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
