"""What happens to a frame: decoded → shot → colored → painted, each step in a thread of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.cbcr_video import gray8_to_lightness, luma_to_gray8, make_cbcr
from koalacli.color.tone import LEAST_REAL, color_beyond_tint
from koalacli.color.upsample import enlarge_ab
from koalacli.colorizer import Colorizer
from koalacli.io.film.info import FilmInfo
from koalacli.io.film.planes import (
    PixelFormat,
    Plane,
    change_depth,
    compose_frame,
    resize_plane,
    shrink_luma,
    source_planes,
    video_color,
)
from koalacli.io.film.segments import State, luma_check
from koalacli.pipelines.video.plan import Take
from koalacli.temporal import Arrived, Carried, Colored, Still

PROBE = (32, 24)  # width and height at which color is looked for: grain and the noise of codecs are averaged out


@dataclass(frozen=True)
class Shot:
    """A decoded frame and what colorizing needs of it.

    Attributes:
        planes: as decoded: Y, or Y, U, V.
        gray: uint8 (H, W), full range, the luma at the size of U and V.
        guide_luma: uint8 (h, w), full range, upright, at the size that the network sees.
    """

    pts: int
    planes: tuple[Plane, ...]
    gray: NDArray[np.uint8]
    guide_luma: NDArray[np.uint8]


@dataclass(frozen=True)
class Painted:
    """A frame that is ready to be encoded.

    Attributes:
        frame: for the encoder.
        check: of the source's luma, on frames where a run may be taken up again, else empty.
        state: to take it up with.
        scene_start: whether it is the first of a scene.
    """

    pts: int
    frame: Any
    check: str = ""
    state: State | None = None
    scene_start: bool = False


class Studio:
    """All that is fixed for one film: formats, sizes, colors, layout.

    Args:
        info: of the source.
        target: pixel format to encode.
        network_shape: (height, width) of an upright picture -> what the network sees.
        rotation: degrees counterclockwise by which the picture is shown.
        colored: recolor, or copy (as auto) the color of shots that have some.
        layout: "", or side or split for a preview.
    """

    def __init__(
        self, info: FilmInfo, target: PixelFormat, network_shape: Any, rotation: int, colored: str, layout: str
    ):
        self.info, self.target = info, target
        self.color = video_color(info.tags, info.pixel_format.depth)
        self.turns = round(rotation / 90) % 4
        self.copies, self.layout = colored in ("auto", "copy"), layout
        self.cbcr_size = target.cbcr_size(info.width, info.height)
        shown = round(info.width * info.sample_aspect), info.height
        height, width = network_shape(*(shown if self.turns % 2 else shown[::-1]))
        self.small_size = (height, width) if self.turns % 2 else (width, height)  # as stored
        self._keeps = False

    def open_shot(self, frame: Any) -> Shot:
        """Take luma and its small copies from a decoded frame."""
        planes = source_planes(frame, self.info.pixel_format)
        gray = luma_to_gray8(shrink_luma(planes[0], self.cbcr_size), self.color)
        enough = self.small_size[0] <= self.cbcr_size[0] and self.small_size[1] <= self.cbcr_size[1]
        guide_luma = shrink_luma(gray if enough else luma_to_gray8(planes[0], self.color), self.small_size)
        return Shot(frame.pts, planes, gray, np.ascontiguousarray(np.rot90(guide_luma, self.turns)))

    def paint(self, colored: Colored[Shot]) -> Painted:
        """Join a shot's luma with the color found for it."""
        shot = colored.shot
        if colored.scene_start:
            self.begin_scene(shot)
        cbcr = self._own_cbcr(shot) if self._keeps else self._made_cbcr(shot, colored.ab)
        luma = change_depth(shot.planes[0], self.info.pixel_format, self.target)
        planes = self._lay_out((luma, *cbcr))
        frame = compose_frame(planes, self.target, self.info.tags, shot.pts, self.info.time_base)
        if colored.carried is None:
            return Painted(shot.pts, frame)
        return Painted(shot.pts, frame, luma_check(shot.planes[0]), self.state(colored.carried), colored.scene_start)

    def begin_scene(self, shot: Shot) -> None:
        """Decide by the first shot of a scene whether its own color is kept."""
        self._keeps = self.copies and self.is_colored(shot)

    def is_colored(self, shot: Shot) -> bool:
        """Whether the source has more color here than a tone or a cast."""
        cbcr = shot.planes[1:]
        if not cbcr:
            return False
        unit = 1 << (self.info.pixel_format.depth - 8)
        small = [cv2.resize(plane, PROBE, interpolation=cv2.INTER_AREA).astype(np.float32) / unit for plane in cbcr]
        luma = cv2.resize(shot.gray, PROBE, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(2.55)
        return color_beyond_tint(np.dstack([luma, *small])) > LEAST_REAL  # codes of U and V are about units of CIELAB

    def take_up(self, state: State) -> Carried:
        """Go on from a saved state."""
        self._keeps = bool(state["keeps"])
        still = Still(state["shown"], state["luma"], state["frames"])
        return Carried(Arrived(state["color"], state["age"]), still)

    def state(self, carried: Carried) -> State:
        """What `take_up` needs to go on from here."""
        return {**vars(carried.arrived), **vars(carried.still), "keeps": np.array(self._keeps)}

    def _made_cbcr(self, shot: Shot, ab: Array) -> tuple[Plane, ...]:
        guide = gray8_to_lightness(np.ascontiguousarray(np.rot90(shot.guide_luma, -self.turns)))
        stored = np.ascontiguousarray(np.rot90(ab, -self.turns))
        full = enlarge_ab(stored, gray8_to_lightness(shot.gray), guide)
        return make_cbcr(shot.gray, full, video_color(self.info.tags, self.target.depth))

    def _own_cbcr(self, shot: Shot) -> tuple[Plane, ...]:
        return tuple(
            change_depth(resize_plane(plane, self.cbcr_size), self.info.pixel_format, self.target)
            for plane in shot.planes[1:]
        )

    def _lay_out(self, planes: tuple[Plane, ...]) -> tuple[Plane, ...]:
        """The color picture, or for a preview the gray one beside it."""
        if not self.layout:
            return planes
        neutral = 1 << (self.target.depth - 1)
        sources = (planes[0], *(np.full_like(plane, neutral) for plane in planes[1:]))
        if self.layout == "side":
            return tuple(np.hstack(pair) for pair in zip(sources, planes, strict=True))
        halves = []
        for before, after in zip(sources, planes, strict=True):
            middle = after.shape[1] // 2
            halves.append(np.hstack([before[:, :middle], after[:, middle:]]))
        return tuple(halves)


def opening_studio(take: Take, network_shape: Any) -> Studio:
    """A studio that opens shots and paints none."""
    return Studio(take.info, take.info.pixel_format, network_shape, take.rotation, "copy", "")


def predict_small(colorizer: Colorizer) -> Callable[[list[NDArray[np.uint8]]], list[Array]]:
    """The network as `temporal` wants it: from small luma to ab."""
    return lambda guides: list(colorizer.predict([gray8_to_lightness(luma) for luma in guides]).ab)
