"""Proposals: different colorings that the network finds possible, region by region."""

import cv2
import numpy as np
import pytest

from koalacli.arrays import Array
from koalacli.color.bins import annealed_mean, gamut_bins
from koalacli.control.kernel import Places
from koalacli.control.proposals import LEAST_APART, Proposal, difference, modes_of, propose
from koalacli.settings import ReadOut

BINS = gamut_bins()
RED, GREEN, BLUE = (30.0, 20.0), (-30.0, 20.0), (0.0, -40.0)


def bump(*peaks: tuple[tuple[float, float], float]) -> Array:
    """A distribution over the bins with modes of these weights."""
    near = sum(weight * np.exp(-np.square(BINS - color).sum(-1) / 100) for color, weight in peaks)
    return (near / np.sum(near)).astype(np.float32)


def proposals_of(coat: Array, sky: Array, count: int = 4) -> list[Proposal]:
    """Of a picture whose lower half is a coat."""
    lower = (np.arange(48) >= 24)[:, None] & np.ones(64, bool)
    noise = np.random.default_rng(2).normal(0, 0.02, (48, 64, 3))
    features = np.where(lower[..., None], [0, 1, 0.2], [1, 0, 0.2]) + noise
    bin_probs = np.where(lower[..., None], coat, sky).astype(np.float32)

    def read(temperature: float) -> Array:
        return annealed_mean(np.log(np.maximum(bin_probs, 1e-30)), BINS, temperature)

    lightness = np.where(lower, 35, 75).astype(np.float32)
    places = Places.of(features.astype(np.float32), lightness, read(0.5))
    return propose(places, bin_probs, BINS, read, ReadOut(), count)


def test_what_is_uncertain_changes_and_what_is_certain_stays() -> None:
    """A coat of red or green turns over to its other color in one piece; the sky that is surely blue stays blue."""
    own, *others = proposals_of(bump((RED, 0.7), (GREEN, 0.3)), bump((BLUE, 1)))
    assert own.kind == "own"
    assert np.linalg.norm(own.ab[30:].mean((0, 1)) - GREEN) > 40
    other = min(others, key=lambda one: float(np.linalg.norm(one.ab[30:].mean((0, 1)) - GREEN)))
    assert np.linalg.norm(other.ab[30:].mean((0, 1)) - GREEN) < 12
    assert difference(other.ab[:20], own.ab[:20]) < 0.25 * difference(other.ab[30:], own.ab[30:])
    assert other.ab[30:].std((0, 1)).max() < 2


def test_proposals_are_apart_and_the_same_in_every_run() -> None:
    """Any two differ by the least difference or more, and a second run gives the same bits."""
    flat = bump((RED, 1), (GREEN, 1), (BLUE, 1), ((0.0, 0.0), 1))
    first = proposals_of(flat, flat)
    assert len(first) == 4
    for number, one in enumerate(first):
        apart = [difference(one.ab, other.ab) for place, other in enumerate(first) if place != number]
        assert min(apart) >= LEAST_APART
        assert one.apart == pytest.approx(min(apart), abs=1e-3)
    cv2.setRNGSeed(99)
    again = proposals_of(flat, flat)
    assert all(np.array_equal(one.ab, other.ab) for one, other in zip(first, again, strict=True))


def test_where_the_network_is_sure_there_is_one_proposal() -> None:
    """No more than are possible."""
    assert len(proposals_of(*np.eye(len(BINS), dtype=np.float32)[[40, 200]])) == 1


def test_modes_are_found_by_weight() -> None:
    """Two bumps give two modes, at their places, the heavier first; no third."""
    ab, share = modes_of(np.stack([bump((GREEN, 0.3), (RED, 0.7))]), BINS)
    assert ab[0, :2] == pytest.approx(np.array([RED, GREEN]), abs=3)
    assert share[0, :2] == pytest.approx([0.7, 0.3], abs=0.2)
    assert share[0, 2:].max() < 0.05
