"""References: photographs in color whose colors another one takes over, where the network finds them possible."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.bins import annealed_mean
from koalacli.color.shapes import block_means
from koalacli.control.hints import Hint, Hints
from koalacli.control.kernel import Places, unit_features
from koalacli.control.palette import Palette
from koalacli.control.solver import apply_hints
from koalacli.errors import UsageError
from koalacli.io.files import file_digest
from koalacli.io.picture.codecs import codec_of
from koalacli.io.walk import walk
from koalacli.settings import ReadOut

STRENGTH = 0.5  # where nobody asks for another
SMOOTHING = 10.0  # CIELAB units by which a palette is blurred: no two photographs have just the same colors
LEAST_SHARE, LARGEST_RATIO = 1e-3, 20.0  # of a bin in a palette; by which a bin is made likelier or less likely
ALIKE = 0.85  # cosine of features of which a match is sure by half; at 1 it is sure
MATCH_CELL = 5  # side, in cells of the network's output, of the squares that give one match each
MATCH_SCOPE = "thing"  # how far a match reaches; see SCOPES
SAME_SIDE, SAME_ROUNDS = 96, 40  # at which two prints are laid on each other, and how long that may take
SAME_SHOT = 0.9  # correlation of lightness above which they are prints of one shot
CANDIDATES = 8  # references, the nearest by embedding, whose features are matched with a picture's
MOST_REFERENCES = 200  # of a folder; each is held in memory as the network sees it, about 2 MB
POOLED = 4  # cells of the network's output a side that are one where references are compared


@dataclass(frozen=True)
class Reference:
    """A photograph in color as the network sees it.

    Attributes:
        guide: float32 (gh, gw, 1), its lightness.
        places: of its pixels (h, w); `places.ab` are its true colors.
        name: of its file, for records; empty where it has none.
    """

    guide: Array
    places: Places
    name: str = ""

    @cached_property
    def embedding(self) -> Array:
        """See `embedding_of`."""
        return embedding_of(self.places.features)

    @cached_property
    def cells(self) -> Array:
        """See `cells_of`."""
        return cells_of(self.places.features)


@dataclass(frozen=True)
class Followed:
    """Color by a reference.

    Attributes:
        ab: float32 (h, w, 2), CIELAB units.
        told: which reference, and how it was followed, in words.
    """

    ab: Array
    told: str


@dataclass(frozen=True)
class Seen:
    """What the network says of the picture that follows a reference.

    Attributes:
        guide: float32 (gh, gw, 1), its lightness.
        features: float32 (h, w, C).
        bin_probs: float32 (h, w, Q).
        ab: float32 (h, w, 2), CIELAB units, by the usual read-out.
    """

    guide: Array
    features: Array
    bin_probs: Array
    ab: Array


def reference_files(place: Path) -> list[Path]:
    """The pictures of a folder of references, by name.

    Raises:
        UsageError: there is no such folder, or it has none or too many.
    """
    if not place.is_dir():
        raise UsageError(f"--reference {place}: no such file or folder")
    found = [path for path in walk(place) if isinstance(path, Path) and codec_of(path)]
    if not 0 < len(found) <= MOST_REFERENCES:
        raise UsageError(f"--reference {place}: has {len(found) or 'no'} pictures; 1 to {MOST_REFERENCES} are compared")
    return found


def reference_digest(place: Path) -> str:
    """Digest of a reference, or of all in a folder and of their names."""
    if place.is_file():
        return file_digest(place)[:16]
    lines = [f"{path.relative_to(place).as_posix()} {file_digest(path)}" for path in reference_files(place)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def follow(
    seen: Seen, reference: Reference, gamut_bins: Array, read_out: ReadOut, strength: float
) -> tuple[Array, str]:
    """Color by a reference.

    Args:
        seen: the picture.
        reference: whose colors it takes over.
        gamut_bins: float32 (Q, 2), CIELAB units.
        read_out: how bins are read.
        strength: 0 leaves the network's colors; 1 follows the reference as far as may be.

    Returns:
        float32 (h, w, 2), CIELAB units, and how it was made, in words.
    """
    palette = Palette.of_ab(reference.places.ab).encode(gamut_bins)
    ab = by_palette(seen, palette, gamut_bins, read_out, strength)
    if found := same_shot(seen.guide, reference):
        theirs, covered = (cv2.resize(plane, ab.shape[1::-1], interpolation=cv2.INTER_AREA) for plane in found)
        share = covered[..., None] * np.float32(strength)
        return ab + share * (theirs - ab), "a print of the same shot"
    points = matches(seen, reference, ab, strength)
    ab = apply_hints(ab, seen.features, seen.guide, Hints(tuple(points)))
    return ab, f"palette and {len(points)} matches"


def by_palette(seen: Seen, palette: Array, gamut_bins: Array, read_out: ReadOut, strength: float) -> Array:
    """Color with the colors of a palette (Q,) where they are possible; arguments and result as in `follow`."""
    wished, plain = (read_by_palette(seen.bin_probs, palette, gamut_bins, read_out, share) for share in (strength, 0.0))
    return seen.ab + (wished - plain)  # whatever the usual read-out does besides stays done


def choose(seen: Seen, references: Sequence[Reference]) -> Reference:
    """The best reference for a picture: a print of the same shot, else the one whose things match its own best.

    Of many, those nearest by embedding are compared.
    """
    if len(references) == 1:
        return references[0]
    features = unit_features(seen.features)
    mine = embedding_of(features)
    near = sorted(references, key=lambda one: -float(one.embedding @ mine))[:CANDIDATES]
    for one in near:
        if same_shot(seen.guide, one):
            return one
    cells = cells_of(features)
    return max(near, key=lambda one: float(_sureness(cells, one.cells)[0].mean()))


def embedding_of(features: Array) -> Array:
    """Mean of unit-length features (h, w, C), scaled to unit length: float32 (C,)."""
    return unit_features(features.mean((0, 1)))


def cells_of(features: Array) -> Array:
    """Means of features (h, w, C) over squares, of unit length, in a row: float32 (N, C)."""
    height, width = (max(side // POOLED, 1) * POOLED for side in features.shape[:2])
    whole = features[:height, :width]
    if min(features.shape[:2]) < POOLED:
        return features.reshape(-1, features.shape[-1])
    return unit_features(block_means(whole[None], POOLED)[0].reshape(-1, features.shape[-1]))


def read_by_palette(bin_probs: Array, palette: Array, gamut_bins: Array, read_out: ReadOut, strength: float) -> Array:
    """Read the bins as if the picture had the colors of a palette: p'(q) ~ p(q) (palette(q) / mean p(q)) ^ strength.

    What the network finds impossible at a place stays so, whatever the palette.

    Args:
        bin_probs: float32 (h, w, Q).
        palette: float32 (Q,), sums to 1.
        gamut_bins, read_out, strength: see `follow`.

    Returns:
        float32 (h, w, 2), CIELAB units.
    """
    between = np.square(gamut_bins[:, None] - gamut_bins[None]).sum(-1)
    blur = np.exp(-between / np.float32(2 * SMOOTHING**2))
    blur = blur / blur.sum(0)
    wished = blur @ palette + np.float32(LEAST_SHARE)
    own = blur @ bin_probs.reshape(-1, len(gamut_bins)).mean(0) + np.float32(LEAST_SHARE)
    ratio = np.clip(wished / own, 1 / LARGEST_RATIO, LARGEST_RATIO).astype(np.float32)
    logits = np.log(np.maximum(bin_probs, np.float32(1e-30))) + np.float32(strength) * np.log(ratio)
    return annealed_mean(logits, gamut_bins, read_out.vividness) * np.float32(read_out.saturation)


def matches(seen: Seen, reference: Reference, ab: Array, strength: float) -> list[Hint]:
    """Points whose features are each other's nearest: the best of every square, with the color that it then has.

    A match is followed as far as it is sure: half-way where the features are ALIKE.
    """
    height, width = ab.shape[:2]
    mine = Places.of(seen.features, np.zeros((height, width), np.float32), ab).features.reshape(height * width, -1)
    theirs = reference.places.features.reshape(-1, mine.shape[-1])
    sure, nearest = _sureness(mine, theirs)
    sure = sure.reshape(height, width)
    colors = reference.places.ab.reshape(-1, 2)[nearest].reshape(height, width, 2)
    points = []
    for top in range(0, height, MATCH_CELL):
        for left in range(0, width, MATCH_CELL):
            square = sure[top : top + MATCH_CELL, left : left + MATCH_CELL]
            down, right = divmod(int(square.argmax()), square.shape[1])
            row, column = top + down, left + right
            if sure[row, column] > 0:
                share = float(sure[row, column]) * strength
                a, b = ab[row, column] + share * (colors[row, column] - ab[row, column])
                points.append(Hint((column + 0.5) / width, (row + 0.5) / height, f"{a:.3f},{b:.3f}", scope=MATCH_SCOPE))
    return points


def _sureness(mine: Array, theirs: Array) -> tuple[Array, NDArray[np.intp]]:
    """How sure the match of each of mine (N, C) is, 0..1, and which of theirs (M, C) it is; only mutual ones are."""
    alike = mine @ theirs.T
    nearest, back = alike.argmax(1), alike.argmax(0)
    sure = np.where(back[nearest] == np.arange(len(mine)), alike.max(1), 0)
    return np.clip((sure - (2 * ALIKE - 1)) / (2 - 2 * ALIKE), 0, 1), nearest


def same_shot(guide: Array, reference: Reference) -> tuple[Array, Array] | None:
    """The reference laid on a picture of the same shot, by a homography (ECC: Evangelidis, Psarakis 2008).

    Args:
        guide: float32 (gh, gw, 1), the picture's lightness.
        reference: which may be another print, in color, a little turned, cropped or bent.

    Returns:
        its ab (gh, gw, 2) and where it covers the picture (gh, gw), 0..1; None where it is another shot.
    """
    square = (SAME_SIDE, SAME_SIDE)
    mine, theirs = (cv2.resize(plane, square, interpolation=cv2.INTER_AREA) for plane in (guide, reference.guide))
    way = np.eye(3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, SAME_ROUNDS, 1e-4)
    if min(float(mine.std()), float(theirs.std())) < 1:  # nothing to see on it
        return None
    try:
        correlation, way = cv2.findTransformECC(mine, theirs, way, cv2.MOTION_HOMOGRAPHY, stop, None, 3)
    except cv2.error:  # it does not converge
        return None
    if correlation < SAME_SHOT:
        return None
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    ab = cv2.resize(reference.places.ab, square, interpolation=cv2.INTER_LINEAR)
    laid = cv2.warpPerspective(ab, way, square, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.warpPerspective(np.ones_like(mine), way, square, flags=flags)
    size = (guide.shape[1], guide.shape[0])
    return cv2.resize(laid, size), cv2.resize(covered, size)
