"""Proposals: several colorings of one picture that the network finds possible, clearly different from one another.

The network gives every pixel a distribution over colors, and reading it gives one of them. A proposal leans that
reading one way: every region's distribution is tilted toward one direction of the ab plane, by p(q) exp(s d·q). Where
there is another mode that way, the region switches to it; where the network is sure, little happens. So regions whose
other modes lie the same way change together, as true colors do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.control.kernel import Places
from koalacli.settings import ReadOut

LEAST_APART = 6.0  # mean ΔE (1976; the lightness is the same) between any two
COLORINGS = {"own": None, "calm": 1.0, "vivid": 0.25}  # temperatures at which bins are read; None is the run's own
LEANING = "leaning"
REGIONS = 40
# Weights of lightness and place beside features of unit length, where pixels are gathered into regions.
OF_LIGHTNESS, OF_PLACE = 1.0, 0.7
SOFTNESS = 0.03  # squared distance at which a pixel belongs to a region e times less
DIRECTIONS = 8
STEPS = np.linspace(0.02, 0.6, 30)  # how strongly a reading is tilted, per CIELAB unit
LEAN = 8.0  # mean ΔE from the own reading at which a tilt is strong enough
GRAIN = 8.0  # CIELAB units within which a bin makes a color likely
DEAREST = 1.0  # nats by which colors may be less likely than the usual ones, mean over the picture
BANDWIDTH, MODES, SHIFTS = 12.0, 5, 12  # of the modes told per region: CIELAB units, how many, rounds of mean shift
NEIGHBOR = 15.0  # bins nearer than this surround one


@dataclass(frozen=True)
class Proposal:
    """One coloring.

    Attributes:
        ab: float32 (h, w, 2), CIELAB units.
        kind: an entry of COLORINGS, or LEANING.
        toward: direction in the ab plane, of length 1; (0, 0) where it leans nowhere.
        cost: nats by which its colors are less likely than the usual ones, mean over the picture.
        apart: mean ΔE to the nearest of the other proposals; 0 for one that is alone.
        regions: what the picture's regions might be, likeliest first: `x`, `y` (shares of the picture), `share` of its
            area, and `colors`, each with its `ab` and the probability around it. The same for all of a picture.
    """

    ab: Array
    kind: str
    toward: tuple[float, float] = (0.0, 0.0)
    cost: float = 0.0
    apart: float = 0.0
    regions: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Regions:
    """Parts of a picture that look alike and lie together.

    Attributes:
        belongs: float32 (h, w, R), how much each pixel belongs to each; sums to 1.
        share: float32 (R,), of the picture's area.
        bin_probs: float32 (R, Q), means.
        at: float32 (R, 2), y and x of the centers, shares of the picture.
    """

    belongs: Array
    share: Array
    bin_probs: Array
    at: Array

    @classmethod
    def of(cls, places: Places, bin_probs: Array) -> "Regions":
        """Gather pixels by k-means that starts from a grid: equal pictures give equal regions."""
        height, width, bins = bin_probs.shape
        parts = (places.features, OF_LIGHTNESS * places.lightness[..., None], OF_PLACE * places.at)
        known = np.concatenate(parts, -1).reshape(height * width, -1).astype(np.float32)
        columns = min(width, max(1, round((REGIONS * width / height) ** 0.5)))
        rows = min(height, max(1, round(REGIONS / columns)))
        y, x = np.indices((height, width))
        start = (y * rows // height * columns + x * columns // width).astype(np.int32).reshape(-1, 1)
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 8, 1e-3)
        _, found, centers = cv2.kmeans(known, rows * columns, start, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
        member = np.eye(rows * columns, dtype=np.float32)[found.ravel()]
        area = member.sum(0)
        kept = area > 0
        member, area, centers = member[:, kept], area[kept], centers[kept]
        square = (known**2).sum(-1)[:, None] + (centers**2).sum(-1)[None] - 2 * known @ centers.T
        near = np.exp((square.min(-1, keepdims=True) - square) / np.float32(SOFTNESS))
        belongs = (near / near.sum(-1, keepdims=True)).reshape(height, width, -1)
        center = np.stack([(y.ravel() + 0.5) / height, (x.ravel() + 0.5) / width], -1).astype(np.float32)
        means = member.T @ np.concatenate([bin_probs.reshape(-1, bins), center], -1) / area[:, None]
        return cls(belongs, area / area.sum(), means[:, :bins], means[:, bins:])


def propose(
    places: Places, bin_probs: Array, gamut_bins: Array, read: Callable[[float], Array], read_out: ReadOut, count: int
) -> list[Proposal]:
    """Colorings of one picture.

    Args:
        places: of its pixels, (h, w); `places.ab` is the own reading.
        bin_probs: float32 (h, w, Q).
        gamut_bins: float32 (Q, 2), CIELAB units.
        read: the picture's ab (h, w, 2) at another temperature.
        read_out: of the own reading.
        count: how many are wanted.

    Returns:
        the own reading first, then what costs least; at most `count`, any two LEAST_APART or more on average.
    """
    regions = Regions.of(places, bin_probs)
    wanted = sorted(_leanings(places.ab, regions, gamut_bins, read_out), key=lambda leaning: leaning.cost)
    wanted += [Proposal(read(value), kind) for kind, value in COLORINGS.items() if value is not None]
    chosen = [Proposal(places.ab, "own")]
    for candidate in wanted:
        if len(chosen) < count and all(difference(candidate.ab, other.ab) >= LEAST_APART for other in chosen):
            chosen.append(candidate)
    told = tuple(_told(regions, gamut_bins))
    return [
        Proposal(
            one.ab, one.kind, one.toward, round(one.cost, 4), _nearest(one, chosen), told if one.kind == "own" else ()
        )
        for one in chosen
    ]


def difference(first: Array, second: Array) -> float:
    """Mean distance of two small ab (h, w, 2), CIELAB units: ΔE 1976 where the lightness is the same."""
    return float(np.linalg.norm(first - second, axis=-1).mean())


def modes_of(bin_probs: Array, gamut_bins: Array) -> tuple[Array, Array]:
    """Modes of distributions, by mean shift with a Gaussian (Comaniciu, Meer 2002).

    Args:
        bin_probs: float32 (R, Q).
        gamut_bins: float32 (Q, 2), CIELAB units.

    Returns:
        ab (R, MODES, 2) and the probability around each (R, MODES), likeliest first; what falls together with a
        likelier one has probability 0.
    """
    between = np.linalg.norm(gamut_bins[:, None] - gamut_bins[None], axis=-1)
    density = bin_probs @ np.exp(-((between / BANDWIDTH) ** 2) / 2)
    around = np.where(between < NEIGHBOR, density[:, None], 0).max(-1)
    height = np.where(density >= around, density, 0)  # of the peaks among the bins
    starts = np.argsort(-height, axis=-1, kind="stable")[:, :MODES]
    ab = gamut_bins[starts]
    for _ in range(SHIFTS):
        near = np.exp(-np.square(ab[..., None, :] - gamut_bins).sum(-1) / (2 * BANDWIDTH**2)) * bin_probs[:, None]
        ab = near @ gamut_bins / np.maximum(near.sum(-1, keepdims=True), 1e-12)
    inside = (np.linalg.norm(ab[..., None, :] - gamut_bins, axis=-1) < BANDWIDTH) * bin_probs[:, None]
    share = inside.sum(-1) * (np.take_along_axis(height, starts, 1) > 0)
    for later in range(1, MODES):
        same = np.linalg.norm(ab[:, :later] - ab[:, later, None], axis=-1) < BANDWIDTH / 2
        share[:, later] *= ~same.any(-1)
    order = np.argsort(-share, axis=-1, kind="stable")
    return np.take_along_axis(ab, order[..., None], 1), np.take_along_axis(share, order, 1)


def _leanings(ab: Array, regions: Regions, gamut_bins: Array, read_out: ReadOut) -> list[Proposal]:
    """The own reading tilted into each of DIRECTIONS, as far as gives the likeliest different colors.

    What counts is how likely the color is that is read: halfway between two modes a reading is a mixture, which is
    less likely than either, so regions go all the way.
    """
    log_probs = np.log(np.maximum(regions.bin_probs, np.float32(1e-12)))
    read = (log_probs / read_out.vividness).astype(np.float32)
    own = _softmax(read) @ gamut_bins
    usual = _surprise(own, regions, gamut_bins)
    found = []
    for direction in _directions(regions, gamut_bins):
        best: Proposal | None = None
        toward = (round(float(direction[0]), 3), round(float(direction[1]), 3))
        along: Array = gamut_bins @ direction
        for step in STEPS:
            tilted = _softmax(read + np.float32(step) * along) @ gamut_bins
            cost = _surprise(tilted, regions, gamut_bins) - usual
            if cost > (DEAREST if best is None else best.cost):
                continue
            moved = (ab + regions.belongs @ (tilted - own) * read_out.saturation).astype(np.float32)
            if difference(moved, ab) >= LEAN:
                best = Proposal(moved, LEANING, toward, cost)
        found += [best] if best else []
    return found


def _directions(regions: Regions, gamut_bins: Array) -> list[Array]:
    """Unit vectors around the ab plane; the first along which the network is least sure."""
    mean = regions.bin_probs @ gamut_bins
    off = gamut_bins[None] - mean[:, None]
    spread = np.einsum("r,rq,rqi,rqj->ij", regions.share, regions.bin_probs, off, off)
    first = np.linalg.eigh(spread)[1][:, 1]
    first = first * np.sign(first[np.abs(first).argmax()])
    turns = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    across = np.array([-first[1], first[0]])
    return [(np.cos(turn) * first + np.sin(turn) * across).astype(np.float32) for turn in turns]


def _surprise(ab: Array, regions: Regions, gamut_bins: Array) -> float:
    """How unlikely the network finds colors (R, 2) of the regions: mean of -log density, nats."""
    near = np.exp(-np.square(ab[:, None] - gamut_bins).sum(-1) / np.float32(2 * GRAIN**2))
    density = (near * regions.bin_probs).sum(-1)
    return float(-(regions.share * np.log(np.maximum(density, np.float32(1e-12)))).sum())


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def _nearest(one: Proposal, chosen: list[Proposal]) -> float:
    return round(min((difference(one.ab, other.ab) for other in chosen if other is not one), default=0.0), 3)


def _told(regions: Regions, gamut_bins: Array) -> list[dict[str, Any]]:
    """Regions in plain values, the largest first."""
    colors, shares = modes_of(regions.bin_probs, gamut_bins)
    return [
        {
            "x": round(float(regions.at[number, 1]), 4),
            "y": round(float(regions.at[number, 0]), 4),
            "share": round(float(regions.share[number]), 4),
            "colors": [
                {"ab": [round(float(value), 1) for value in ab], "share": round(float(share), 4)}
                for ab, share in zip(colors[number], shares[number], strict=True)
                if share > 0
            ],
        }
        for number in np.argsort(-regions.share, kind="stable")
    ]
