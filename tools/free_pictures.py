"""Color photographs that are free to show: what the example report and the gallery are made of."""

from pathlib import Path

from PIL import Image
from skimage import data

from koalacli.io.film.frames import read_frames

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")  # come with scikit-image; public domain or CC0
FRAMES_EACH = 2


def write_photographs(folder: Path) -> None:
    """The photographs that come with scikit-image."""
    for name in PHOTOGRAPHS:
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")


def write_frames(clips: list[Path], folder: Path) -> None:
    """Evenly spaced frames of each clip."""
    for clip in clips:
        frames = list(read_frames(clip))
        for part in range(FRAMES_EACH):
            frame = frames[(2 * part + 1) * len(frames) // (2 * FRAMES_EACH)]
            Image.fromarray(frame).save(folder / f"{clip.stem}-{part + 1}.png")
