"""Interlaced pictures: made whole, or marked for the encoder."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

import av

PROGRESSIVE, TOP_FIRST = 1, (2, 5)  # FFmpeg's numbers of field orders
LEAST_COMBED = 5  # frames
TOP_FIELD_FIRST = 2  # the usual order where none is stated


class Deinterlacer:
    """bwdif, one picture per frame; of `interlaced` frames, which say so, or of `all`."""

    def __init__(self, stream: Any, which: str):
        self.stream, self.which = stream, which
        self.graph: Any = None

    def filter(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Whole pictures that are ready; None after the last frame."""
        if self.graph is None:
            if frame is None:
                return
            self.graph = av.filter.Graph()
            source = self.graph.add_buffer(template=self.stream, time_base=self.stream.time_base)
            bwdif = self.graph.add("bwdif", f"mode=send_frame:deint={self.which}")
            sink = self.graph.add("buffersink")
            source.link_to(bwdif)
            bwdif.link_to(sink)
            self.graph.configure()
        self.graph.push(frame)
        yield from _ready(self.graph)


def looks_combed(frames: Iterable[av.VideoFrame], stream: Any) -> bool:
    """Whether frames of moving things hold two moments, one in every other line, by FFmpeg's idet.

    Args:
        frames: some in a row.
        stream: that they are of.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(template=stream, time_base=stream.time_base)
    idet, sink = graph.add("idet"), graph.add("buffersink")
    source.link_to(idet)
    idet.link_to(sink)
    graph.configure()
    kinds: Counter[str] = Counter()
    for frame in chain(frames, (None,)):
        graph.push(frame)
        for judged in _ready(graph):
            kinds[judged.metadata.get("lavfi.idet.multiple.current_frame", "")] += 1
    combed = kinds["tff"] + kinds["bff"]
    return combed >= LEAST_COMBED and combed > kinds["progressive"]


def _ready(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


class FieldMark:
    """Marks new frames as interlaced; encoders look at every frame for the order of its fields."""

    def __init__(self, pixel_format: str, width: int, height: int, time_base: Fraction, field_order: int):
        self._graph = av.filter.Graph()
        form = av.VideoFormat(pixel_format, width, height)
        source = self._graph.add_buffer(width=width, height=height, format=form, time_base=time_base)
        mark = self._graph.add("setfield", "tff" if field_order in TOP_FIRST else "bff")
        sink = self._graph.add("buffersink")
        source.link_to(mark)
        mark.link_to(sink)
        self._graph.configure()

    def __call__(self, frame: Any) -> Any:
        """The same frame, marked."""
        self._graph.push(frame)
        return self._graph.pull()
