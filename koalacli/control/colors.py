"""Colors as people write them: `#rrggbb`, a CSS name, or `a,b`."""

import re

import numpy as np

from koalacli.color.lab import rgb_to_lab
from koalacli.errors import UsageError
from koalacli.io.picture.names import CSS_COLORS

LARGEST_AB = 130.0  # CIELAB units; no color that sRGB shows lies outside
_PAIR = re.compile(r"\s*([+-]?\d{1,3}(?:\.\d{1,9})?)\s*,\s*([+-]?\d{1,3}(?:\.\d{1,9})?)\s*")


def parse_color(text: str) -> tuple[float, float]:
    """The a and b of a color, CIELAB units.

    Raises:
        UsageError: it cannot be understood.
    """
    if pair := _PAIR.fullmatch(text):
        a, b = float(pair[1]), float(pair[2])
        if max(abs(a), abs(b)) > LARGEST_AB:
            raise UsageError(f"color {text!r}: a and b lie between -{LARGEST_AB:g} and {LARGEST_AB:g}")
        return a, b
    code = CSS_COLORS.get(text.strip().lower(), text.strip())
    if not re.fullmatch(r"#(?:[0-9a-fA-F]{3}){1,2}", code):
        raise UsageError(f"color {text[:40]!r} is not understood; write #rrggbb, a CSS name such as teal, or a,b")
    digits = code[1:] if len(code) == 7 else "".join(2 * digit for digit in code[1:])
    codes = [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
    if len(set(codes)) == 1:
        return 0.0, 0.0  # gray, exactly
    _, a, b = rgb_to_lab(np.array(codes, np.float32) / np.float32(255)).tolist()
    return a, b
