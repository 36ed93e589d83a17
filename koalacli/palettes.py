"""PALETTES: how frequent colors are in the photographs of a film or a time; printed by `tools/make_palette.py`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownPalette:
    """A palette that comes with koala.

    Attributes:
        help: one line for documentation.
        source: of which photographs it is a statistic.
        colors: a, b and how many of 1000 pixels have that color.
    """

    help: str
    source: str
    colors: tuple[tuple[int, int, int], ...]


# fmt: off
PALETTES: dict[str, KnownPalette] = {
    "kodachrome-1940s": KnownPalette(
        "warm grays and browns, deep blue skies, hardly any green",
        "1,447 Kodachromes of 1939 to 1944, Farm Security Administration and Office of War Information (Library of "
        "Congress, no known restrictions)",
        (
            (-20, 0, 2), (-10, -20, 8), (-10, -10, 24), (-10, 0, 43), (-10, 10, 39), (-10, 20, 17), (-10, 30, 6),
            (-10, 40, 2), (0, -30, 8), (0, -20, 32), (0, -10, 71), (0, 0, 228), (0, 10, 191), (0, 20, 67),
            (0, 30, 19), (0, 40, 5), (10, -30, 10), (10, -20, 15), (10, -10, 19), (10, 0, 49), (10, 10, 56),
            (10, 20, 35), (10, 30, 13), (10, 40, 4), (20, -10, 2), (20, 0, 3), (20, 10, 4), (20, 20, 5),
            (20, 30, 3), (30, 0, 2),
        ),
    ),
    "digital-2000s": KnownPalette(
        "neutral, with strong greens, blues and reds",
        "225 sample pictures of digital cameras, given out as free to use",
        (
            (-60, 40, 3), (-30, 20, 4), (-30, 30, 5), (-30, 40, 2), (-20, -30, 2), (-20, -20, 2), (-20, 0, 3),
            (-20, 10, 8), (-20, 20, 11), (-20, 30, 8), (-20, 40, 4), (-20, 50, 2), (-10, -30, 6), (-10, -20, 12),
            (-10, -10, 26), (-10, 0, 46), (-10, 10, 39), (-10, 20, 20), (-10, 30, 10), (-10, 40, 3), (0, -40, 6),
            (0, -30, 11), (0, -20, 18), (0, -10, 78), (0, 0, 244), (0, 10, 105), (0, 20, 35), (0, 30, 13),
            (0, 40, 3), (10, -50, 3), (10, -40, 7), (10, -30, 4), (10, -20, 5), (10, -10, 12), (10, 0, 39),
            (10, 10, 42), (10, 20, 28), (10, 30, 14), (10, 40, 5), (10, 50, 2), (20, 0, 4), (20, 10, 10),
            (20, 20, 10), (20, 30, 7), (20, 40, 5), (20, 50, 3), (30, -10, 2), (30, 10, 3), (30, 20, 4),
            (30, 30, 3), (30, 40, 2), (30, 50, 2), (40, 20, 2), (40, 30, 2), (40, 40, 2), (50, 20, 2),
        ),
    ),
}
# fmt: on
