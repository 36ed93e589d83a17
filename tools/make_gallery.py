"""Make docs/gallery.md and its pictures: results of the shipped weights on a fixed list, good or bad.

    python tools/make_gallery.py flower.mp4 stream-of-water.mp4 ... --gray film.mp4 ...

Photographs of examples/, the same as faded prints, the photographs that come with scikit-image,
and two frames of each clip, evenly spaced. Nothing is chosen and no option is set.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from contact_sheet import GAP
from free_pictures import write_frames, write_photographs
from PIL import Image

from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig
from koalacli.pipelines.colorize import colorize

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "images" / "gallery"
HEIGHT, WIDEST = 300, 1200
FADED_BLACK, FADED_SPAN = 80, 0.42  # black of a faded print in 8-bit codes, and the share of contrast that is left

HEAD = """# Gallery

Unselected: every picture of a fixed list, as it comes out of `koala colorize` without options, good or bad.
Made by `tools/make_gallery.py` with the weights `{digest}`. What goes wrong has names in the
[model card](../weights/koala.md#known-failures).

"""
OLD = "## Black-and-white originals\n\nAs scanned or filmed, and colored. Nobody knows the true colors.\n\n"
FADED = (
    "## Faded prints\n\nThe photographs above with 42% of their contrast. Faded, colored, and "
    "colored with `--stretch 0`, which lets the network see them as they are.\n\n"
)
KNOWN = "## Photographs whose colors are known\n\nGray copy, colored, true.\n\n"


def write_row(parts: list[Path], target: Path) -> None:
    """Pictures side by side at one height, no wider than the page."""
    shown = [Image.open(path).convert("RGB") for path in parts]
    scale = min(HEIGHT / shown[0].height, (WIDEST - GAP * (len(shown) - 1)) / len(shown) / shown[0].width)
    size = (round(shown[0].width * scale), round(shown[0].height * scale))
    row = Image.new("RGB", (len(shown) * (size[0] + GAP) - GAP, size[1]), "white")
    for number, picture in enumerate(shown):
        row.paste(picture.resize(size, Image.Resampling.LANCZOS), (number * (size[0] + GAP), 0))
    row.save(target, quality=85)


def main() -> None:
    """Gather, color, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, help="clips in color")
    parser.add_argument("--gray", nargs="*", type=Path, default=[], help="clips in black and white")
    given = parser.parse_args()
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    page = HEAD.format(digest=Colorizer().weights.digest[:12])
    with tempfile.TemporaryDirectory() as made:
        old, faded, true, gray, unstretched = (
            Path(made, name) for name in ("old", "faded", "true", "gray", "unstretched")
        )
        for folder in (old, faded, true, gray):
            folder.mkdir()
        for path in sorted((ROOT / "examples").glob("*.jpg")):
            shutil.copy(path, old)
            fade = [round(FADED_BLACK + FADED_SPAN * level) for level in range(256)]
            Image.open(path).convert("L").point(fade).save(faded / f"{path.stem}-faded.jpg", quality=95)
        write_frames(given.gray, old)
        write_photographs(true)
        write_frames(given.clips, true)
        for path in true.iterdir():
            Image.open(path).convert("L").save(gray / path.name)
        list(colorize(str(faded), str(unstretched), ColorizeConfig(stretch=0.0)))
        for title, source, columns in ((OLD, old, []), (FADED, faded, [unstretched]), (KNOWN, gray, [true])):
            colored = Path(made, f"{source.name}-colored")
            list(colorize(str(source), str(colored), ColorizeConfig()))
            page += title
            for path in sorted(source.iterdir()):
                write_row(
                    [path, colored / path.name, *(folder / path.name for folder in columns)],
                    PICTURES / f"{path.stem}.jpg",
                )
                page += f"![{path.stem}: gray and colored](images/gallery/{path.stem}.jpg)\n\n"
    PAGE.write_text(page.rstrip() + "\n")


if __name__ == "__main__":
    main()
