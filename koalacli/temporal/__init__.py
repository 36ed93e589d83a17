"""Steady color: scene cuts, dense flow, and color averaged along it.

Everything happens at small sizes: flow on the lightness picture that the network sees, color at
half its sides. The network looks at key frames only. The color of a key frame is the average of
the network's opinions on the same things there, at the key frames before it (as far back as
`Method.memory`) and at those after it (`Method.ahead`); the frames in between take color from
the key frames on both sides. Three things stop color from ghosting:

* a link between two frames is trusted where flow there and back agree and luma is the same;
* every pixel has an age, the number of opinions its color is an average of, and distrust
  lowers it: what has just come into view has age 0 and takes the network's color at once;
* a scene cut begins a new scene, which shares nothing with the old one.

What stands still keeps the color in which it was shown, though the average wanders (`still.py`). What a person knows of
single frames does not age (`known.py`): it is carried through its scene both ways, as far as links are to be trusted,
and is laid over all that.
"""

from koalacli.temporal.color import (
    Arrived,
    Carried,
    Colored,
    as_color,
    colorize_each,
    colorize_spans,
    finish,
    settle_keys,
)
from koalacli.temporal.known import Known, KnownScene
from koalacli.temporal.scenes import METHODS, Method, Span, link_spans
from koalacli.temporal.still import Still

__all__ = [
    "METHODS",
    "Arrived",
    "Carried",
    "Colored",
    "Known",
    "KnownScene",
    "Method",
    "Span",
    "Still",
    "as_color",
    "colorize_each",
    "colorize_spans",
    "finish",
    "link_spans",
    "settle_keys",
]
