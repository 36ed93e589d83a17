"""Hints: met where they are given, felt where things are alike, and nowhere else."""

import cv2
import numpy as np
import pytest

from koalacli import Hint
from koalacli.arrays import Array
from koalacli.color.join import GuidedColor, merge_color
from koalacli.color.lab import rgb_to_lab
from koalacli.color.probe import probe_at
from koalacli.color.upsample import enlarge_ab
from koalacli.control.floors import nearest_point, spread_by_lightness
from koalacli.control.hints import Area, Hints
from koalacli.control.kernel import SCOPES
from koalacli.control.solver import Look, apply_hints, look_twice, value_at
from koalacli.errors import UsageError

RNG = np.random.default_rng(4)
TRUE_SKY, TRUE_COAT = (-8.0, -30.0), (40.0, 25.0)


@pytest.fixture(scope="module")
def scene() -> dict[str, Array]:
    """A sky over a coat: two things that features tell apart; the guess is gray for both."""
    upper = np.zeros((48, 64), bool)
    upper[:24] = True
    features = np.where(upper[..., None], [1, 0, 0.2], [0, 1, 0.2]) + RNG.normal(0, 0.03, (48, 64, 3))
    lightness = np.where(upper, 75, 35) + RNG.normal(0, 2, (48, 64))
    guide = cv2.resize(lightness.astype(np.float32), (256, 192))[..., None]
    full = cv2.resize(guide, (500, 375)) + RNG.normal(0, 1, (375, 500)).astype(np.float32)
    guess = RNG.normal(0, 3, (48, 64, 2))
    return {
        "upper": upper,
        "features": features.astype(np.float32),
        "guide": guide,
        "full": full[..., None],
        "ab": guess.astype(np.float32),
    }


def corrected(scene: dict[str, Array], hints: Hints) -> Array:
    """Small ab with hints."""
    return apply_hints(
        scene["ab"], scene["features"], scene["guide"], hints, lambda x, y: value_at(scene["full"], x, y)
    )


def test_a_probe_reads_what_enlarging_gives() -> None:
    """Weights on the small planes give the full-size color of a pixel, at borders and corners too."""
    guide = cv2.GaussianBlur(RNG.uniform(0, 100, (96, 64)).astype(np.float32), (0, 0), 2)[..., None]
    ab = RNG.normal(0, 20, (24, 16, 2)).astype(np.float32)
    lightness = RNG.uniform(0, 100, (150, 120)).astype(np.float32)
    rows = GuidedColor(ab, guide, 150, 120).rows(0, lightness)
    for y, x in ((0, 0), (149, 119), (75, 2), (3, 60), (40, 80)):
        probe = probe_at(guide, (24, 16), (x + 0.5) / 120, (y + 0.5) / 150, float(lightness[y, x]))
        assert probe.read(ab.transpose(2, 0, 1)) == pytest.approx([plane[y, x] for plane in rows], abs=1e-3)


@pytest.mark.parametrize("scope", SCOPES)
def test_every_hint_is_met_at_its_own_pixel(scene: dict[str, Array], scope: str) -> None:
    """Within 2 units of ab in the full-size result, for many hints of any scope at once."""
    places = RNG.uniform(0.02, 0.98, (20, 2))
    colors = RNG.uniform(-20, 20, (20, 2))
    points = [Hint(x, y, f"{a:.3f},{b:.3f}", scope=scope) for (x, y), (a, b) in zip(places, colors, strict=True)]
    points[3] = Hint(*places[3], "gray", scope="place")
    made = merge_color(scene["full"], scene["guide"], corrected(scene, Hints(tuple(points))), np.uint16)
    ab = rgb_to_lab(made / np.float32(65535))[..., 1:]
    for point in points:
        found = ab[int(point.y * 375), int(point.x * 500)]
        assert np.hypot(*(found - point.ab)) < 2, point


def test_a_hint_for_a_thing_leaves_the_rest_alone(scene: dict[str, Array]) -> None:
    """One point recolors the coat, all of it, and not the sky."""
    ab = corrected(scene, Hints((Hint(0.5, 0.8, "{},{}".format(*TRUE_COAT)),)))
    coat, sky = ab[~scene["upper"]], ab[scene["upper"]]
    assert np.hypot(*(coat - TRUE_COAT).T).mean() < 0.4 * np.hypot(*TRUE_COAT)
    assert np.abs(sky - scene["ab"][scene["upper"]]).mean() < 0.5


def test_a_thing_is_of_one_color_where_it_belongs_to_the_hint(scene: dict[str, Array]) -> None:
    """A guess that is red in one half of a coat and green in the other is given up; no half turns to what is left."""
    patchy = scene["ab"].copy()
    patchy[24:, :32] += (35, 10)
    patchy[24:, 32:] += (-35, 10)
    hints = Hints((Hint(0.5, 0.8, "10,20"),))
    ab = apply_hints(patchy, scene["features"], scene["guide"], hints)[28:44, 4:60]
    assert np.abs(ab[:, :26, 0].mean() - ab[:, 30:, 0].mean()) < 0.4 * 70
    assert np.hypot(*(ab[8:, 20:36] - (10, 20)).reshape(-1, 2).T).mean() < 8


def test_two_looks_meet_their_hints_and_are_the_mean_of_both(scene: dict[str, Array]) -> None:
    """What a coarse and a fine look make of the same points is averaged, and every point is met."""
    places = RNG.uniform(0.02, 0.98, (25, 2))
    colors = RNG.uniform(-20, 20, (25, 2))
    known = [Hint(x, y, f"{a:.3f},{b:.3f}", scope="picture") for (x, y), (a, b) in zip(places, colors, strict=True)]
    hints = Hints(tuple(known))
    assert hints.many
    assert not Hints(tuple(known[:20])).many
    assert not Hints(tuple(known), proposal=2).many
    small = {name: cv2.resize(scene[name], (32, 24), interpolation=cv2.INTER_AREA) for name in ("ab", "features")}
    coarse = Look(small["ab"] + np.float32(9), small["features"], cv2.resize(scene["guide"], (128, 96))[..., None])
    fine = Look(scene["ab"], scene["features"], scene["guide"])

    def lightness_at(x: float, y: float) -> float:
        return value_at(scene["full"], x, y)

    made = look_twice(coarse, fine, hints, lightness_at)
    alone = apply_hints(fine.ab, fine.features, fine.guide, hints, lightness_at)
    first = apply_hints(coarse.ab, coarse.features, coarse.guide, hints, lightness_at)
    first = cv2.resize(enlarge_ab(first, fine.guide, coarse.guide), (64, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(made - (alone + first) / 2).mean() < 0.15 * np.abs(alone - first).mean()
    joined = merge_color(scene["full"], scene["guide"], made, np.uint16)
    ab = rgb_to_lab(joined / np.float32(65535))[..., 1:]
    for hint in known:
        assert np.hypot(*(ab[int(hint.y * 375), int(hint.x * 500)] - hint.ab)) < 2, hint


def test_a_hint_for_the_picture_reaches_what_is_alike_anywhere(scene: dict[str, Array]) -> None:
    """A true color at one end of the sky corrects the other end."""
    points = (
        Hint(0.02, 0.1, "{},{}".format(*TRUE_SKY), scope="picture"),
        Hint(0.5, 0.9, "{},{}".format(*TRUE_COAT), scope="picture"),
    )
    far = corrected(scene, Hints(points))[5, 60]
    assert np.hypot(*(far - TRUE_SKY)) < 0.6 * np.hypot(*(scene["ab"][5, 60] - TRUE_SKY))


def test_hints_that_contradict_each_other_do_no_harm(scene: dict[str, Array]) -> None:
    """Two colors for one pixel are averaged; no wild color comes of it."""
    points = (Hint(0.5, 0.8, "40,0"), Hint(0.5, 0.8, "-40,0"), Hint(0.5005, 0.8, "0,40"))
    assert np.abs(corrected(scene, Hints(points))).max() < 60


def test_an_area_takes_its_color(scene: dict[str, Array]) -> None:
    """At full strength the color given, at half strength half way, outside nothing."""
    coverage = np.zeros((24, 32), np.float32)
    coverage[:, :16] = 1
    for strength in (1.0, 0.5):
        ab = corrected(scene, Hints(areas=(Area(coverage, "10,20", strength),)))
        inside = ab[20, 10] - scene["ab"][20, 10]
        assert inside == pytest.approx(strength * (np.array([10, 20]) - scene["ab"][20, 10]), abs=1e-4)
        assert np.array_equal(ab[:, 40:], scene["ab"][:, 40:])


def test_saturation_leaves_hints_their_color(scene: dict[str, Array]) -> None:
    """The factor is on what the network guessed."""
    ab = corrected(scene, Hints((Hint(0.5, 0.8, "20,0"),), saturation=0.0))
    assert ab[38, 32] == pytest.approx([20, 0], abs=3)
    assert np.abs(ab[2, 2]).max() < 0.5


@pytest.mark.parametrize(
    "arguments",
    [
        (1.2, 0.5, "red"),
        (0.5, -0.1, "red"),
        (0.5, 0.5, "a nice red"),
        (0.5, 0.5, "300,1"),
        (0.5, 0.5, "red", 2.0),
        (0.5, 0.5, "red", 0.0, "world"),
        (float("nan"), 0.5, "red"),
    ],
)
def test_a_hint_that_makes_no_sense_is_refused(arguments: tuple) -> None:
    """Outside of the picture, a color that is none, a scope that is none."""
    with pytest.raises(UsageError):
        Hint(*arguments)


@pytest.mark.parametrize("shape", [(20, 30), (30, 20)])
def test_lightness_spreads_a_color_within_its_edges(shape: tuple[int, int]) -> None:
    """Levin's floor: two flat halves take the color of their one point each; the system is solved exactly."""
    lightness = np.full(shape, 20, np.float32)
    lightness[:, shape[1] // 2 :] = 80
    points = np.array([[3, 2], [10, shape[1] - 3]])
    colors = np.array([[30, 0], [0, -30]], np.float32)
    ab = spread_by_lightness(lightness, points, colors)
    assert ab[15, 1] == pytest.approx([30, 0], abs=2)
    assert ab[2, -1] == pytest.approx([0, -30], abs=2)
    assert ab[3, 2] == pytest.approx(colors[0])


def test_the_nearest_point_counts_by_place_and_lightness() -> None:
    """What is as near takes the color of what is as light."""
    lightness = np.full((10, 10), 20, np.float32)
    lightness[:, 5:] = 80
    ab = nearest_point(lightness, np.array([[5, 1], [5, 9]]), np.array([[1, 0], [0, 1]], np.float32))
    assert ab[0, 4].tolist() == [1, 0]
    assert ab[0, 5].tolist() == [0, 1]
