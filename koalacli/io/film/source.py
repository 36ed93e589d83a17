"""Read films: what is in the file, and its frames with exact times."""

import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.sidedata.sidedata import Type as SideDataType

from koalacli.errors import InputError, UnsupportedError
from koalacli.io.film.ffv1 import is_damaged
from koalacli.io.film.fields import PROGRESSIVE, TOP_FIELD_FIRST, Deinterlacer, looks_combed
from koalacli.io.film.info import describe_film, own_duration
from koalacli.io.film.open import USUAL_RATE, breaks_off, clock, film_streams, open_container, reading_errors
from koalacli.io.film.planes import has_swapped_samples, to_working

TAIL_TOLERANCE = Fraction(1)  # seconds by which a container may overstate its length
MOST_DAMAGE = 10_000  # a file that fails so often is not read further
FRAMES_TRIED = 30  # in the middle of a film, for the look at interlacing
DISPLAY_MATRIX = SideDataType.DISPLAYMATRIX


@dataclass
class FilmSource:
    """An open film: `info`, then `frames`; a context manager.

    Attributes:
        path: a file, or the pattern of a numbered sequence (frames/%06d.png).
        track: which video stream, counted from 1; 0 takes the one that players would show.
        deinterlace: "", or which frames are made whole: `interlaced` ones by their mark, or `all`.
        rate: of a sequence, frames per second; films have their own.
        damage: what could not be decoded, with its time; complete after the last frame.
        rotation: degrees counterclockwise by which players turn the picture; known after `probe`.
        matrix: the display matrix that says so, as FFmpeg stores it.
        field_order: FFmpeg's number; 1 is progressive, above it interlaced; known after `probe`.
        combed: frames are not marked as interlaced, and look it; known after `probe`.
    """

    path: Path
    track: int = 0
    deinterlace: str = ""
    damage: list[str] = field(default_factory=list)
    rotation: int = 0
    matrix: tuple[int, ...] | None = None
    field_order: int = 1
    combed: bool = False
    rate: Fraction = USUAL_RATE

    def __post_init__(self) -> None:
        # Frames are decoded in another thread than the one that closes: a decoder must not vanish under it.
        self._in_use = threading.Lock()
        self._closed = False
        self.container = open_container(self.path, self.rate)
        try:
            self.stream = self._choose()
            self.info = describe_film(self.path, self.container, self.stream)
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, after the step of decoding that is under way; `frames` ends then."""
        with self._in_use:
            self._closed = True
            self.container.close()

    def _choose(self) -> Any:
        """The video stream to colorize: the one asked for, else the one players would show."""
        pictures = film_streams(self.container)
        if not pictures:
            raise InputError(f"{self.path}: has no video stream")
        if not 0 <= self.track <= len(pictures):
            raise InputError(f"{self.path}: there is no video stream number {self.track}, the last is {len(pictures)}")
        if self.track:
            return pictures[self.track - 1]
        best = self.container.streams.best("video")
        return best if best in pictures else pictures[0]

    def probe(self) -> None:
        """Decode the first frame, which tells rotation and interlacing, and look for combed frames in the middle.

        Raises:
            InputError: nothing can be decoded.
            UnsupportedError: what is decoded is not what was scanned.
        """
        first = next(self._decoded(), None)
        if first is None:
            reason = f" ({self.damage[0]})" if self.damage else ""
            raise InputError(f"{self.path}: no frame can be decoded{reason}")
        if self.info.codec == "dpx" and self.info.source_format.startswith("gray10") and has_swapped_samples(first):
            raise UnsupportedError(
                f"{self.path}: its 10-bit samples are packed from the other end of each word than is usual for gray, "
                "so that every three would change places; convert the scan to 16 bits first"
            )
        self.rotation = round(first.rotation) % 360
        if first.interlaced_frame:
            self.field_order = max(self.stream.codec_context.field_order, TOP_FIELD_FIRST)
        self.matrix = _display_matrix(first)
        if self.field_order == PROGRESSIVE:
            self.combed = self._looks_combed()
        self.reopen()

    def _looks_combed(self) -> bool:
        middle = self.start() + self.info.duration / 2
        with suppress(av.error.FFmpegError):
            self.container.seek(int(middle / self.info.time_base), stream=self.stream)
            return looks_combed(islice(self._decoded(), FRAMES_TRIED), self.stream)
        return False

    def reopen(self) -> None:
        """Back to the beginning, whatever has been read."""
        index = self.stream.index
        self.damage.clear()
        with self._in_use:
            self.container.close()
            if not self._closed:
                self.container = open_container(self.path, self.rate)
                self.stream = self.container.streams[index]

    @property
    def _orderless(self) -> bool:
        """AVI has decoding times only: the n-th frame shown has the n-th of them, and what FFmpeg guesses is late."""
        return bool(self.container.format.name == "avi")

    def start(self) -> Fraction:
        """Time of the film's beginning, seconds; 0 in most files."""
        own = self.stream.start_time
        return Fraction(own * self.stream.time_base) if own is not None else Fraction(0)

    def frames(self, from_pts: int | None = None) -> Iterator[av.VideoFrame]:
        """Decoded frames in order of display, in the working format, with strictly rising pts.

        Args:
            from_pts: the first frame wanted, in the stream's time base; earlier ones are decoded and dropped.
        """
        with self._in_use, reading_errors(self.path):
            if self._closed:
                return
            if from_pts is not None and from_pts > (self.stream.start_time or 0):
                self.container.seek(from_pts, stream=self.stream, backward=True)
            # Where pictures lean on others, threads that decode several at once give them out before all their damage
            # is known, and fill it in otherwise from run to run.
            self.stream.thread_type = "AUTO" if self.stream.codec.intra_only else "SLICE"
            clean = Deinterlacer(self.stream, self.deinterlace) if self.deinterlace else None
        last: int | None = None
        for frame in self._decoded():
            for shown in clean.filter(frame) if clean else [frame]:
                shown.pts = self._rising(shown, last)
                last = shown.pts
                if from_pts is None or shown.pts >= from_pts:
                    yield to_working(shown, self.info.pixel_format, self.info.tags)
        for shown in clean.filter(None) if clean else []:
            shown.pts = last = self._rising(shown, last)
            if from_pts is None or shown.pts >= from_pts:
                yield to_working(shown, self.info.pixel_format, self.info.tags)
        self._check_end(last)

    def _rising(self, frame: av.VideoFrame, last: int | None) -> int:
        """The frame's pts; where the file gives none, or one that does not rise, the next free."""
        step = max(1, round(1 / (self.info.rate * self.stream.time_base)))
        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:
            return (self.stream.start_time or 0) if last is None else last + step
        if last is not None and pts <= last:
            self.damage.append(f"time runs backward at {clock(last * self.stream.time_base)}")
            return last + 1
        return int(pts)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        stored: deque[int] = deque()  # decoding times of packets whose frames are still to come
        for frame in self._steps(stored):
            if self._orderless and stored:
                frame.pts = stored.popleft()
            place = clock(Fraction(frame.time or 0))
            if frame.is_corrupt:
                self.damage.append(f"damaged picture at {place}")
            if (frame.width, frame.height) != (self.info.width, self.info.height):
                raise UnsupportedError(f"{self.path}: the picture changes its size at {place}; split the film there")
            yield frame

    def _steps(self, stored: deque[int]) -> Iterator[av.VideoFrame]:
        """Decode packet by packet; `stored` takes their decoding times."""
        seconds = self.start()
        owed = 0  # packets that have given neither a frame nor an error yet
        packets = self.container.demux(self.stream)
        while True:
            try:
                with self._in_use:
                    packet = None if self._closed else next(packets, None)
                    if packet is None:
                        break
                    if packet.pts is not None:
                        seconds = Fraction(packet.pts * self.stream.time_base)
                    if packet.is_corrupt or (self.info.codec == "ffv1" and is_damaged(bytes(packet))):
                        self.damage.append(f"damaged data at {clock(seconds)}")
                    if self._orderless and packet.size:
                        stored.append(packet.dts)
                    owed += bool(packet.size and not packet.is_discard)
                    frames = packet.decode()
            except (av.error.FFmpegError, OSError) as error:
                self.damage.append(f"{error.strerror or error} at {clock(seconds)}")
                owed -= 1
                if len(self.damage) > MOST_DAMAGE:
                    return
                continue
            owed -= len(frames)
            yield from frames
        # FFmpeg drops errors of frames that its threads hold while the film ends.
        if owed > 0 and self.info.picture_per_packet and not self._closed:
            self.damage.append(f"{owed} pictures could not be decoded")

    def _check_end(self, last: int | None) -> None:
        """Note a film that ends before the length that its header states, or in the middle of a box."""
        if last is None:
            return
        stated, end = own_duration(self.container, self.stream), last * self.stream.time_base
        missing = self.start() + stated - end - 2 / self.info.rate if stated else Fraction(0)
        if missing > TAIL_TOLERANCE:
            self.damage.append(f"the film ends at {clock(end)}, {float(missing):.1f} s short of its stated length")
            return
        with suppress(OSError):  # what cannot be read any more has been noted
            if "mp4" in self.container.format.name and breaks_off(self.path):
                self.damage.append(f"the file breaks off at {clock(end)}")


def _display_matrix(frame: Any) -> tuple[int, ...] | None:
    """How players turn or mirror a frame."""
    try:
        found = frame.side_data.get(DISPLAY_MATRIX)
    except ValueError:  # PyAV stumbles over kinds of side data that are newer than itself
        return None
    return struct.unpack("=9i", bytes(found)[:36]) if found else None
