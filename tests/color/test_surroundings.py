"""Large borders and tables are seen, and photographs without them are left in peace."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scans import TONES, framed, on_table, toned

from koalacli.arrays import Array, Pixels
from koalacli.color.lab import lightness_of
from koalacli.color.surroundings import border_share, is_print_on_table


def seen(gray: Pixels) -> Array:
    """Lightness as small as the network sees it."""
    scale = 192 / min(gray.shape)
    return cv2.resize(lightness_of(gray)[..., 0], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("level", [12, 245])
@pytest.mark.parametrize("share", [0.15, 0.3])
def test_a_border_is_measured(level: int, share: float, gray: Pixels) -> None:
    """Of paper or of the scanner's lid: its share of the picture, within a hundredth."""
    made = framed(gray, share, level)
    assert border_share(seen(made)) == pytest.approx(1 - gray.size / made.size, abs=0.02)


def test_lid_and_paper_are_one_border(gray: Pixels) -> None:
    """A white border within a black one counts with it."""
    made = framed(framed(gray, 0.1, 240), 0.2, 12)
    assert border_share(seen(made)) == pytest.approx(1 - gray.size / made.size, abs=0.02)


def test_photographs_have_no_border(examples: list[Path], shared: Path) -> None:
    """None of the old photographs and of 64 newer ones; nor a thing on even ground, nor a picture of nothing."""
    for path in (*examples, *sorted((shared / "eval" / "bsds64").iterdir())):
        with Image.open(path) as image:
            assert border_share(seen(np.asarray(image.convert("L")))) < 0.05, path.name
    ball = cv2.circle(np.full((300, 400), 240, np.uint8), (200, 150), 90, 60, -1)
    assert border_share(seen(ball)) == 0
    assert border_share(np.full((192, 256), 50, np.float32)) == 0


@pytest.mark.parametrize("tone", ["gray", *TONES])
def test_a_print_on_a_table_is_seen(tone: str, gray: Pixels) -> None:
    """Gray or toned, turned by some degrees, on wood."""
    assert is_print_on_table(on_table(gray if tone == "gray" else toned(gray, tone)))


def test_color_photographs_are_no_prints_on_tables(shared: Path) -> None:
    """None of 64."""
    for path in sorted((shared / "eval" / "bsds64").iterdir()):
        with Image.open(path) as image:
            assert not is_print_on_table(np.asarray(image.convert("RGB"))), path.name
