"""Make docs/reports/koala.html: `koala eval --report` of the shipped weights on photographs that are free to show.

    python tools/make_example_report.py flower.mp4 stream-of-water.mp4 nasa_13013.mp4 ...

The set: four photographs that come with scikit-image (public domain or CC0) and two frames of
each clip given, evenly spaced.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image
from skimage import data

from koalacli.config import EvalConfig
from koalacli.io.video_frames import read_frames
from koalacli.pipelines.evaluate import evaluate

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
FRAMES_EACH = 2
TARGET = Path(__file__).resolve().parent.parent / "docs" / "reports" / "koala.html"


def main(clips: list[Path]) -> None:
    """Gather the pictures and judge them."""
    with tempfile.TemporaryDirectory() as folder:
        for name in PHOTOGRAPHS:
            Image.fromarray(getattr(data, name)()).save(Path(folder, f"{name}.png"))
        for clip in clips:
            frames = list(read_frames(clip))
            for part in range(FRAMES_EACH):
                frame = frames[(2 * part + 1) * len(frames) // (2 * FRAMES_EACH)]
                Image.fromarray(frame).save(Path(folder, f"{clip.stem}-{part + 1}.png"))
        list(evaluate(EvalConfig(data=folder, report=str(TARGET))))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
