"""A contact sheet: every picture before and after, in rows of equal height.

python tools/contact_sheet.py BEFORE_DIR AFTER_DIR SHEET.jpg [--height 240] [--width 1600]
"""

import argparse
from pathlib import Path

from PIL import Image, ImageOps

GAP = 6


def pair(before: Path, after: Path, height: int) -> Image.Image:
    """One picture above its result, scaled to a common height."""
    rows = []
    for path in (before, after):
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            rows.append(upright.resize((max(1, round(upright.width * height / upright.height)), height)))
    tile = Image.new("RGB", (rows[0].width, 2 * height + GAP // 2), "white")
    tile.paste(rows[0], (0, 0))
    tile.paste(rows[1], (0, height + GAP // 2))
    return tile


def arrange(tiles: list[Image.Image], width: int) -> Image.Image:
    """Tiles side by side in lines no wider than `width`."""
    lines: list[list[Image.Image]] = [[]]
    for tile in tiles:
        if lines[-1] and sum(other.width + GAP for other in lines[-1]) + tile.width > width:
            lines.append([])
        lines[-1].append(tile)
    height = sum(line[0].height + GAP for line in lines) - GAP
    widest = max(sum(tile.width + GAP for tile in line) - GAP for line in lines)
    sheet = Image.new("RGB", (widest, height), "white")
    top = 0
    for line in lines:
        left = 0
        for tile in line:
            sheet.paste(tile, (left, top))
            left += tile.width + GAP
        top += line[0].height + GAP
    return sheet


def main() -> None:
    """Read arguments, write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--width", type=int, default=1600)
    given = parser.parse_args()
    names = [path.name for path in sorted(given.after.iterdir()) if path.is_file() and path.name[0] != "."]
    tiles = [pair(given.before / name, given.after / name, given.height) for name in names]
    arrange(tiles, given.width).save(given.sheet, quality=88)


if __name__ == "__main__":
    main()
