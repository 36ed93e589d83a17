"""A film that is read in one thread and closed in another."""

import threading
from pathlib import Path
from typing import Any

import pytest
from hostile_films import FILMS

from koalacli.io.film.source import FilmSource


def test_a_film_is_closed_after_the_step_of_decoding_that_is_under_way(shared: Path) -> None:
    """Ctrl-C closes the film in the main thread; the decoder must not vanish under the thread that decodes."""
    inside, goes_on = threading.Event(), threading.Event()
    order: list[str] = []

    class SlowContainer:
        """A container that says when it decodes and when it is closed."""

        def __init__(self, real: Any):
            self.real, self.format, self.streams = real, real.format, real.streams

        def demux(self, stream: Any) -> Any:
            for packet in self.real.demux(stream):
                inside.set()
                goes_on.wait(5)
                order.append("decoded")
                yield packet

        def close(self) -> None:
            order.append("closed")
            self.real.close()

    source = FilmSource(shared / "clips" / "flower.mp4")
    source.container = SlowContainer(source.container)
    reader = threading.Thread(target=lambda: list(source.frames()))
    reader.start()
    assert inside.wait(5)
    closer = threading.Thread(target=source.close)
    closer.start()
    closer.join(0.2)
    assert order == []
    goes_on.set()
    closer.join(5)
    reader.join(5)
    assert order == ["decoded"] * (len(order) - 1) + ["closed"]
    assert not reader.is_alive()


def test_a_film_that_is_closed_has_no_more_frames(shared: Path) -> None:
    """Reading on is no error: the run is over."""
    with FilmSource(shared / "clips" / "flower.mp4") as source:
        frames = source.frames()
        next(frames)
    assert list(frames) == []
    with pytest.raises(StopIteration):
        next(source.frames())


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_a_slice_that_does_not_fit_its_digest_is_damage(at: float, tmp_path: Path) -> None:
    """FFmpeg puts something else in its place, and every other picture is what it was; an archive wants to know."""
    path, data = tmp_path / "film.nut", bytearray(FILMS["ffv1.nut"]())
    path.write_bytes(data)
    with FilmSource(path) as sound:
        assert len(list(sound.frames())) == 12
        assert sound.damage == []
    data[int(at * len(data))] ^= 16
    path.write_bytes(data)
    with FilmSource(path) as film:
        assert len(list(film.frames())) == 12
        assert len(film.damage) == 1
        assert film.damage[0].startswith("damaged data at 0:00:00")


def test_damage_is_found_every_time(tmp_path: Path) -> None:
    """FFmpeg's threads must not give pictures out before all that is wrong with them is known."""
    path, data = tmp_path / "film.h264", FILMS["h264.h264"]()
    path.write_bytes(data[: len(data) * 3 // 4])
    found = []
    for _ in range(8):
        with FilmSource(path) as film:
            found.append(([frame.to_ndarray().tobytes() for frame in film.frames()], film.damage))
    assert found[0][1]
    assert all(one == found[0] for one in found)
