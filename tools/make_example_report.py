"""Make docs/reports/koala.html: `koala eval --report` of the shipped weights on photographs that are free to show.

    python tools/make_example_report.py flower.mp4 stream-of-water.mp4 nasa_13013.mp4 ...

The set: four photographs that come with scikit-image (public domain or CC0) and two frames of
each clip given, evenly spaced.
"""

import sys
import tempfile
from pathlib import Path

from free_pictures import write_frames, write_photographs

from koalacli.config import EvalConfig
from koalacli.pipelines.evaluate.pipeline import evaluate

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reports" / "koala.html"


def main(clips: list[Path]) -> None:
    """Gather the pictures and judge them."""
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder))
        write_frames(clips, Path(folder))
        list(evaluate(EvalConfig(data=folder, report=str(TARGET))))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
