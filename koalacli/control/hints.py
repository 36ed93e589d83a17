"""Hints: what a person says of a picture's colors."""

import hashlib
import json
from dataclasses import dataclass, field

from koalacli.arrays import Array
from koalacli.control.colors import parse_color
from koalacli.control.kernel import SCOPES
from koalacli.errors import UsageError

LARGEST_FACTOR = 10.0  # on chroma
VIVIDNESS = (0.05, 10.0)  # temperatures that can be asked for
MOST_PROPOSALS = 8  # of one picture
DEFAULT_SCOPE = "thing"
WIDEST = next(iter(SCOPES))
MANY = 20  # points of the widest scope, above which the network looks at a picture twice


@dataclass(frozen=True)
class Hint:
    """A point whose color is known.

    Attributes:
        x, y: shares of width and height, 0..1, of the picture as displayed.
        color: `#rrggbb`, a CSS name, or `a,b` in CIELAB units; only hue and chroma count, the lightness stays.
        radius: of the spot that surely has the color, as a share of the short side.
        scope: how far it reaches, an entry of SCOPES.

    Raises:
        UsageError: something is out of range or cannot be understood.
    """

    x: float
    y: float
    color: str
    radius: float = 0.0
    scope: str = DEFAULT_SCOPE
    ab: tuple[float, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise UsageError(f"point {self.x:g}, {self.y:g} lies outside of the picture; x and y are shares, 0 to 1")
        if not 0 <= self.radius <= 1:
            raise UsageError(f"radius {self.radius:g} is not between 0 and 1")
        if self.scope not in SCOPES:
            raise UsageError(f"unknown scope {self.scope!r}; choose one of {', '.join(SCOPES)}")
        object.__setattr__(self, "ab", parse_color(self.color))


@dataclass(frozen=True)
class Area:
    """A part of the picture whose color is known.

    Attributes:
        coverage: float32 (h, w), 0..1, of any size; it is stretched over the picture.
        color: as in Hint.
        strength: 0 leaves the network's color, 1 is the color given.
    """

    coverage: Array = field(compare=False, repr=False)
    color: str
    strength: float = 1.0
    ab: tuple[float, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise UsageError(f"strength {self.strength:g} is not between 0 and 1")
        object.__setattr__(self, "ab", parse_color(self.color))

    def as_value(self) -> tuple[str, str, float]:
        """What counts in a digest."""
        digest = hashlib.sha256(self.coverage.tobytes()).hexdigest()
        return f"{self.coverage.shape} {digest}", self.color, self.strength


@dataclass(frozen=True)
class Hints:
    """All that is known of one picture.

    Attributes:
        points, areas: areas are painted first, points correct what they leave.
        saturation: factor on the chroma of the network's colors; hints keep theirs.
        vividness: temperature at which the network's bins are read, as `--vividness`; None leaves the run's own.
        proposal: number of the coloring among those of `--proposals`; 1 is the usual one.
    """

    points: tuple[Hint, ...] = ()
    areas: tuple[Area, ...] = ()
    saturation: float = 1.0
    vividness: float | None = None
    proposal: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.saturation <= LARGEST_FACTOR:
            raise UsageError(f"saturation {self.saturation:g} is not between 0 and {LARGEST_FACTOR:g}")
        if self.vividness is not None and not VIVIDNESS[0] <= self.vividness <= VIVIDNESS[1]:
            raise UsageError(f"vividness {self.vividness:g} is not between {VIVIDNESS[0]:g} and {VIVIDNESS[1]:g}")
        if not 1 <= self.proposal <= MOST_PROPOSALS:
            raise UsageError(f"proposal {self.proposal} is not between 1 and {MOST_PROPOSALS}")
        if self.proposal > 1 and self.vividness is not None:
            raise UsageError("a proposal other than the first has a vividness of its own; give one of the two")

    @property
    def digest(self) -> str:
        """Digest of all that shapes the color."""
        points = [(point.x, point.y, point.ab, point.radius, point.scope) for point in self.points]
        values = [points, [area.as_value() for area in self.areas], self.saturation]
        values += [] if self.vividness is None else [self.vividness]
        values += [f"proposal {self.proposal}"] if self.proposal > 1 else []
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]

    @property
    def needs_bins(self) -> bool:
        """Whether a picture's bin probabilities are needed to read its color as they ask."""
        return self.vividness is not None or self.proposal > 1

    @property
    def look(self) -> "Hints":
        """What of them is about all of the picture and holds for others like it: saturation and vividness."""
        return Hints(saturation=self.saturation, vividness=self.vividness)

    @property
    def many(self) -> bool:
        """Whether so much is known of the whole picture that a second, closer look is worth its time."""
        return self.proposal == 1 and sum(point.scope == WIDEST for point in self.points) > MANY

    def __bool__(self) -> bool:
        return bool(self.points or self.areas) or self.saturation != 1 or self.needs_bins

    def __str__(self) -> str:
        counts = ((len(self.points), "point"), (len(self.areas), "area"))
        said = [f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count]
        said += [f"saturation {self.saturation:g}"] if self.saturation != 1 else []
        said += [] if self.vividness is None else [f"vividness {self.vividness:g}"]
        said += [f"proposal {self.proposal}"] if self.proposal > 1 else []
        return ", ".join(said) or "none"
