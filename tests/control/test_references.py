"""References: colors are taken over where they are possible; a print of the same shot gives them directly."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from koalacli.color.bins import gamut_bins
from koalacli.color.lab import rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.control.palette import Palette
from koalacli.control.references import read_by_palette
from koalacli.errors import UsageError
from koalacli.palettes import PALETTES
from koalacli.settings import ReadOut

BINS = gamut_bins()


def ab_of(rgb8: Any) -> Any:
    """True small ab of a picture."""
    return cv2.resize(rgb_to_lab(rgb8 / np.float32(255))[..., 1:], (40, 40), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def photograph(shared: Path) -> Any:
    """One in color, rgb uint8."""
    path = sorted((shared / "eval" / "bsds64").glob("*.jpg"))[0]
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_a_palette_moves_colors_only_where_they_are_possible() -> None:
    """What might be red or green follows a green palette; what is surely blue stays blue."""
    red, green, blue = (
        int(np.linalg.norm(BINS - color, axis=-1).argmin()) for color in ((40, 20), (-40, 20), (0, -40))
    )
    bin_probs = np.zeros((2, 4, len(BINS)), np.float32)
    bin_probs[0, :, red], bin_probs[0, :, green] = 0.6, 0.4
    bin_probs[1, :, blue] = 1
    palette = np.eye(len(BINS), dtype=np.float32)[green]
    own = read_by_palette(bin_probs, palette, BINS, ReadOut(), 0)
    made = read_by_palette(bin_probs, palette, BINS, ReadOut(), 1)
    assert own[0, 0, 0] > 5
    assert made[0, 0] == pytest.approx(BINS[green], abs=3)
    assert made[1, 0] == pytest.approx(BINS[blue], abs=1)


def test_a_print_of_the_same_shot_gives_its_colors(photograph: Any, colorizer: Colorizer) -> None:
    """Also a cropped and brighter one: most of the error is gone; another strength follows less, none not at all."""
    gray = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    other = cv2.convertScaleAbs(photograph[9:-7, 5:-9], alpha=1.1)
    guide = colorizer.shrink(rgb_to_lab(photograph / np.float32(255))[..., :1])
    reference = colorizer.look_at_reference(other)
    assert "same shot" in colorizer.follow_reference(guide, reference, 1)[1]
    true, plain = ab_of(photograph), ab_of(colorizer.colorize(gray))
    made = ab_of(colorizer.colorize(gray, reference=other, reference_strength=1))
    half = ab_of(colorizer.colorize(gray, reference=other, reference_strength=0.5))
    none = ab_of(colorizer.colorize(gray, reference=other, reference_strength=0))
    errors = [np.linalg.norm(found - true, axis=-1).mean() for found in (made, half, plain)]
    assert errors[0] < 0.4 * errors[2]
    assert errors[0] < errors[1] < errors[2]
    assert np.abs(none - plain).mean() < 0.5


def test_what_matches_is_colored_alike(photograph: Any, colorizer: Colorizer) -> None:
    """A mirrored copy is another picture, whose things are found by their features."""
    mirrored = np.ascontiguousarray(photograph[:, ::-1])
    gray = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    true, plain = ab_of(photograph), ab_of(colorizer.colorize(gray))
    made = ab_of(colorizer.colorize(gray, reference=mirrored, reference_strength=1))
    assert np.linalg.norm(made - true, axis=-1).mean() < 0.75 * np.linalg.norm(plain - true, axis=-1).mean()


def test_references_that_cannot_be_followed_are_refused(gray: Any, colorizer: Colorizer) -> None:
    """A strength beyond 1, a reference and a palette at once, a palette of no name."""
    rgb = np.repeat(gray[..., None], 3, -1)
    with pytest.raises(UsageError, match="strength"):
        colorizer.colorize(gray, reference=rgb, reference_strength=2)
    with pytest.raises(UsageError, match="one of them"):
        colorizer.colorize(gray, reference=rgb, palette=rgb)
    with pytest.raises(UsageError, match="unknown palette"):
        colorizer.colorize(gray, palette="agfa")


@pytest.mark.parametrize("name", PALETTES)
def test_the_palettes_that_come_with_koala_are_whole(name: str) -> None:
    """They sum to one on the bins of a network, are mostly near gray, as photographs are, and stand in the docs."""
    page = (Path(__file__).parents[2] / "docs" / "control.md").read_text("utf-8")
    shares = Palette.named(name).encode(BINS)
    assert f"| `{name}` | {PALETTES[name].help} | {PALETTES[name].source} |" in page
    assert shares.sum() == pytest.approx(1, abs=1e-4)
    assert shares[np.linalg.norm(BINS, axis=-1) < 25].sum() > 0.5
