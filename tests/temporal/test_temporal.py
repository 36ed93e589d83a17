"""Steady color: cuts, flow, memory, newcomers, and going on from a saved state."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle

import cv2
import numpy as np
import pytest

from koalacli.temporal import (
    METHODS,
    Carried,
    Colored,
    Known,
    KnownScene,
    Method,
    colorize_each,
    colorize_spans,
    finish,
    link_spans,
)
from koalacli.temporal.color import MOST_LOST, chroma_of
from koalacli.temporal.motion import Link, Tracker, place_grid

SIZE = (96, 64)  # width, height
FAST = METHODS["fast"]


@dataclass
class Still:
    """A frame for these tests; `flavor` is what the fake network sees."""

    guide_luma: np.ndarray
    number: int = 0


def texture(seed: int, width: int = 200) -> np.ndarray:
    """Soft noise, uint8 (H, width)."""
    noise = np.random.default_rng(seed).integers(0, 256, (10, width // 8), dtype=np.uint8)
    return cv2.resize(noise, (width, SIZE[1]), interpolation=cv2.INTER_CUBIC)


def pan(count: int, seed: int = 0, step: int = 1, first: int = 0) -> list[Still]:
    """A camera that moves over a texture."""
    wide = texture(seed)
    places = [np.ascontiguousarray(wide[:, (n * step) % 100 : (n * step) % 100 + SIZE[0]]) for n in range(count)]
    return [Still(luma, first + number) for number, luma in enumerate(places)]


class Network:
    """Opinions that waver: a mean color and noise that differs from call to call."""

    def __init__(self, noise: float = 0.0, color: tuple[float, float] = (20.0, -10.0)):
        self.rng, self.noise, self.color = np.random.default_rng(5), noise, color
        self.asked = 0

    def __call__(self, guides: list[np.ndarray]) -> list[np.ndarray]:
        self.asked += len(guides)
        shape = (SIZE[1] // 4, SIZE[0] // 4, 2)
        waver = [self.rng.normal(0, self.noise, (1, 1, 2)) for _ in guides]
        return [(np.full(shape, self.color) + one).astype(np.float32) for one in waver]


def brightness_network(guides: list[np.ndarray]) -> list[np.ndarray]:
    """A network whose color follows luma, and so differs from frame to frame and place to place."""
    return [np.dstack([cv2.resize(luma, (24, 16)).astype(np.float32) / 4] * 2) for luma in guides]


def colored(
    shots: list[Still],
    network: Callable[[list[np.ndarray]], list[np.ndarray]],
    method: Method = FAST,
    carried: Carried | None = None,
) -> list[Colored]:
    """All at once."""
    return list(colorize_spans(link_spans(shots, method), network, method, carried))


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 13, 14, 25])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_frame_comes_out_once_in_order(count: int, method: Method) -> None:
    """For any length, also one that ends within a span."""
    found = colored(pan(count), Network(), method)
    assert [one.shot.number for one in found] == list(range(count))
    assert found[0].scene_start
    assert found[-1].carried is not None


def test_the_network_is_asked_rarely() -> None:
    """Once per span, not once per frame."""
    network = Network()
    colored(pan(61), network)
    assert network.asked == 11


def test_wavering_opinions_become_steady() -> None:
    """Frame to frame, color changes by less than a fifth of what the network's does."""
    shots = pan(60)
    alone = np.stack([one.ab.mean((0, 1)) for one in colorize_each(shots, Network(noise=5))])
    steady = np.stack([one.ab.mean((0, 1)) for one in colored(shots, Network(noise=5))])
    assert np.abs(np.diff(steady, axis=0)).mean() < 0.2 * np.abs(np.diff(alone, axis=0)).mean()


def test_nothing_of_the_old_scene_is_left_after_a_cut() -> None:
    """The first frame of a new scene, and all after it, have the new color alone."""

    def by_brightness(guides: list[np.ndarray]) -> list[np.ndarray]:
        return [np.full((16, 24, 2), 30.0 if luma.mean() > 128 else -30.0, np.float32) for luma in guides]

    dark = [Still((one.guide_luma // 3).astype(np.uint8), one.number) for one in pan(10, seed=1)]
    bright = [Still((255 - one.guide_luma // 3).astype(np.uint8), one.number) for one in pan(10, seed=2, first=10)]
    found = list(colorize_spans(link_spans(dark + bright, FAST), by_brightness, FAST))
    assert [one.shot.number for one in found if one.scene_start] == [0, 10]
    assert all(np.allclose(one.ab, -30) for one in found[:10])
    assert all(np.allclose(one.ab, 30) for one in found[10:])


def test_a_scene_is_colored_as_if_it_were_the_whole_film() -> None:
    """Every frame after a cut, the first one too, has exactly the color of a fresh start."""
    first, second = pan(17, seed=1), [Still(255 - one.guide_luma, one.number) for one in pan(20, seed=2, first=17)]
    both, alone = colored(first + second, brightness_network), colored(second, brightness_network)
    assert [one.shot.number for one in both if one.scene_start] == [0, 17]
    assert all(np.array_equal(one.ab, other.ab) for one, other in zip(both[17:], alone, strict=True))


def test_color_does_not_drift_in_a_long_still_scene() -> None:
    """After three hundred frames, errors of the network average out and do not add up."""
    shots = [Still(texture(8)[:, : SIZE[0]].copy(), number) for number in range(300)]
    found = np.stack([one.ab.mean((0, 1)) for one in colored(shots, Network(noise=3))])
    away = np.abs(found - (20, -10)).max(-1)
    assert away.max() < 5, "and single opinions are up to 9 away"
    assert away[200:].mean() < away[:100].mean() + 1


@pytest.mark.parametrize("step", [0, 1, 3])
def test_motion_is_no_cut(step: int) -> None:
    """A moving camera and grain stay within one scene."""
    rng = np.random.default_rng(3)
    shots = [
        Still(np.clip(one.guide_luma + rng.normal(0, 6, one.guide_luma.shape), 0, 255).astype(np.uint8))
        for one in pan(30, step=step)
    ]
    assert sum(one.scene_start for one in colored(shots, Network())) == 1


def test_a_newcomer_takes_the_networks_color() -> None:
    """What appears in a scene is not painted with what was there before."""
    wall = texture(4)[:, : SIZE[0]]
    shots = [Still(wall.copy(), number) for number in range(24)]
    thing = texture(9)[20:44, 30:60]
    for shot in shots[12:]:
        shot.guide_luma[20:44, 30:60] = 255 - thing // 2

    def sees(guides: list[np.ndarray]) -> list[np.ndarray]:
        found = []
        for luma in guides:
            ab = np.full((16, 24, 2), 10.0, np.float32)
            if not np.array_equal(luma, wall):
                ab[5:11, 8:15] = -40.0
            found.append(ab)
        return found

    found = list(colorize_spans(link_spans(shots, FAST), sees, FAST))
    inside = np.s_[13:19, 18:27]  # the middle of the thing, at the size of the carried color
    assert found[11].ab[inside].mean() > 3
    assert found[18].ab[inside].mean() < -33


def test_color_follows_what_moves() -> None:
    """In a pan, a colored stripe of the texture keeps its color wherever it goes."""
    wide = texture(6)
    stripes = np.where((np.arange(200) // 25) % 2, 30.0, -30.0).astype(np.float32)
    shots, places = [], list(range(0, 60))
    for place in places:
        shots.append(Still(np.ascontiguousarray(wide[:, place : place + SIZE[0]]), place))

    def sees(guides: list[np.ndarray]) -> list[np.ndarray]:
        starts = [next(one.number for one in shots if one.guide_luma is luma) for luma in guides]
        rows = [
            cv2.resize(stripes[None, start : start + SIZE[0]], (24, 16), interpolation=cv2.INTER_AREA)
            for start in starts
        ]
        return [np.stack([row, row], -1) for row in rows]

    found = list(colorize_spans(link_spans(shots, FAST), sees, FAST))
    errors = []
    for one in found:
        wanted = cv2.resize(
            stripes[None, one.shot.number : one.shot.number + SIZE[0]], (48, 32), interpolation=cv2.INTER_AREA
        )
        errors.append(np.abs(one.ab[..., 0] - wanted)[:, 4:-4].mean())
    assert max(errors[20:]) < 12, "against 30 for color that stays where it was"


def test_a_run_goes_on_from_any_key_frame() -> None:
    """The state of a key frame leads to the very same colors and scenes as an unbroken run."""
    shots = pan(52) + [Still(255 - one.guide_luma, one.number) for one in pan(15, seed=2, first=52)]
    whole = colored(shots, brightness_network)
    for place in [number for number, one in enumerate(whole) if one.carried is not None]:
        rest = colored(shots[place:], brightness_network, carried=whole[place].carried)
        assert [one.shot.number for one in rest] == list(range(place, 67))
        assert [one.shot.number for one in rest if one.scene_start and one.shot.number > place] == [52] * (place < 52)
        assert place in (0, 52) or not rest[0].scene_start
        assert all(np.array_equal(one.ab, other.ab) for one, other in zip(whole[place:], rest, strict=True))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_few_frames_wait(method: Method) -> None:
    """However long a scene is, only those frames are held that the method looks ahead for."""
    taken = []

    def film() -> Iterator[Still]:
        for shot in pan(150):
            taken.append(shot.number)
            yield shot

    waiting = [taken[-1] - one.shot.number for one in colorize_spans(link_spans(film(), method), Network(), method)]
    assert max(waiting) <= (method.ahead + 3) * method.spacing


def test_averages_keep_the_chroma_of_the_opinions() -> None:
    """Opinions that point 60 degrees apart are as vivid together as each is."""
    turn = cycle([(20.0, 0.0), (10.0, 17.3205)])

    def sees(guides: list[np.ndarray]) -> list[np.ndarray]:
        return [np.full((16, 24, 2), next(turn), np.float32) for _ in guides]

    for one in colored([Still(texture(8)[:, : SIZE[0]].copy()) for _ in range(40)], sees):
        assert np.allclose(chroma_of(one.ab), 20, atol=0.1)


def test_frames_by_themselves_are_scenes_by_themselves() -> None:
    """Without steadiness nothing is shared, and every frame may decide anew what becomes of its own color."""
    found = list(colorize_each(pan(9), brightness_network))
    assert [one.shot.number for one in found if one.scene_start] == list(range(9))


def test_contradictory_opinions_stay_pale() -> None:
    """Chroma comes back up to a factor: opposite opinions do not become one vivid color of no ground."""
    color = np.zeros((4, 4, 3), np.float32)
    color[..., 0], color[..., 2] = 0.5, 30.0
    assert np.allclose(chroma_of(finish(color)), 0.5 * MOST_LOST)


def test_links_trust_what_agrees() -> None:
    """Unchanged pictures are trusted fully; a patch of other luma is not."""
    before = texture(7)[:, : SIZE[0]].copy()
    now = before.copy()
    now[20:40, 40:70] = 255 - now[20:40, 40:70]
    link = Tracker(FAST.flow_preset).link(before, now)
    assert link is not None
    assert link.back_trust[:, :10].min() > 0.9
    assert link.back_trust[12:18, 23:32].mean() < 0.4


def carried_weights(shots: list[Still], at: int) -> list[Known | None]:
    """What is known at the key frames where the color of one frame is."""
    spans = list(link_spans(shots, FAST, lambda shot: shot.number == at))
    size = (SIZE[1] // 2, SIZE[0] // 2)
    red = Known(np.full((*size, 3), (60.0, 0.0, 60.0), np.float32), np.ones(size, np.float32))
    scene = KnownScene()
    for span in spans:
        scene.add(red if span.key.number == at else None, span.links)
    return scene.finish()


def test_known_color_goes_both_ways_and_does_not_fade() -> None:
    """After sixty frames what is still in view has all of it, and what has come into view since has none."""
    known = carried_weights(pan(61), 0)
    last = known[-1]
    assert last is not None
    assert np.median(last.weight[:, :15]) > 0.99, "the right part of the first frame has moved to the left"
    assert last.weight[:, -12:].max() < 0.5, "it was not there"
    assert np.allclose(last.color[:, :15, 0], 60, atol=0.1)
    back = carried_weights(pan(61), 60)[0]
    assert back is not None
    assert np.median(back.weight[:, -15:]) > 0.99
    assert back.weight[:, :12].max() < 0.5


def test_between_two_known_frames_the_nearer_counts_more() -> None:
    """Color goes over from one to the other."""
    still = Link(*[place_grid((4, 4))] * 2, *[np.ones((4, 4), np.float32)] * 2)
    ends = [Known(np.full((4, 4, 3), value, np.float32), np.ones((4, 4), np.float32)) for value in (0, 30)]
    scene = KnownScene()
    for given, links in ((ends[0], []), (None, [still]), (None, [still, still]), (ends[1], [still])):
        scene.add(given, links)
    assert [round(float(one.color[0, 0, 0])) for one in scene.finish() if one] == [0, 10, 20, 30]


def test_of_a_told_span_the_told_opinion_counts() -> None:
    """The network is not asked there, and opinions before and after it are averaged with it as ever."""
    network = Network(color=(0.0, 0.0))
    spans = list(link_spans(pan(25), FAST))
    told = [replace(span, opinion=lambda luma: np.full((16, 24, 2), 40, np.float32)) for span in spans[:2]]
    found = [one.ab.mean() for one in colorize_spans(iter([*told, *spans[2:]]), network, FAST)]
    assert network.asked == len(spans) - 2
    assert found[0] > found[-1] > 0


class Wandering:
    """A network whose opinion of everything drifts by 12 units, and that sees a person in another color."""

    def __init__(self, shots: list[Still]):
        self.numbers = {id(shot.guide_luma): shot.number for shot in shots}

    def __call__(self, guides: list[np.ndarray]) -> list[np.ndarray]:
        found = []
        for luma in guides:
            number = self.numbers[id(luma)]
            ab = np.full((SIZE[1] // 2, SIZE[0] // 2, 2), 10 + 12 * np.clip((number - 60) / 100, 0, 1), np.float32)
            ab[cv2.resize(luma, (SIZE[0] // 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA) < BLACK] = -20
            found.append(ab)
        return found


BLACK = 30


def walls_with_a_walker(count: int) -> list[Still]:
    """Somebody in black walks from left to right before a wall that stands still."""
    wall = (texture(8)[:, : SIZE[0]] // 8 + 120).astype(np.uint8)
    shots = [Still(wall.copy(), number) for number in range(count)]
    for shot in shots:
        left = shot.number // 2
        shot.guide_luma[16:56, left : left + 16] = 10 + wall[16:56, :16] % 10
    return shots


def test_a_still_wall_keeps_its_color_while_opinions_wander() -> None:
    """Opinions of it drift by 12 units; it does by less than 4, and the person before it keeps its own color."""
    shots = walls_with_a_walker(160)
    found = colored(shots, Wandering(shots))
    wall = np.stack([one.ab[1:6] for one in found])
    assert np.ptp(wall, axis=0).max() < 4, "and 11 for averages along motion alone"
    assert found[120].ab[14:22, 32:35].mean() < -15


def test_what_is_uncovered_has_the_color_of_the_wall_around_it() -> None:
    """Where the person has walked away, there is no trail, and a third of the seam that opinions would leave."""
    shots = walls_with_a_walker(160)
    last = colored(shots, Wandering(shots))[-1].ab[..., 0]
    assert np.abs(last[12:24, 2:36] - last[2:5].mean()).max() < 4
    assert last[2:5].mean() < 14, "not the 22 that the network says by now"


def test_a_run_goes_on_where_color_was_kept() -> None:
    """What stands still keeps its color in a second run as in one, to the last bit."""
    shots = walls_with_a_walker(120)
    network = Wandering(shots)
    whole = colored(shots, network)
    for place in (6, 66, 108):
        rest = colored(shots[place:], network, carried=whole[place].carried)
        assert all(np.array_equal(one.ab, other.ab) for one, other in zip(whole[place:], rest, strict=True))


@pytest.mark.parametrize("frames", [30, 240])
def test_color_fades_with_a_fade(frames: int) -> None:
    """A still picture that fades to black, fast or slowly, ends nearly as gray as the network says."""
    levels = [*[1.0] * 60, *np.linspace(1, 0, frames), *[0.0] * 25]
    shots = [Still((texture(8)[:, : SIZE[0]] * level).astype(np.uint8), number) for number, level in enumerate(levels)]
    found = colored(shots, brightness_network)
    assert np.abs(found[59].ab).mean() > 20
    assert np.abs(found[-1].ab).mean() < 3, "the film is black by now, and the network says gray"


def test_what_only_looks_as_bright_takes_its_own_color() -> None:
    """A thing of the very luma of the wall that comes to stand before it is not painted as the wall."""
    shots = [Still(np.full(SIZE[::-1], 120, np.uint8), number) for number in range(120)]

    def sees(guides: list[np.ndarray]) -> list[np.ndarray]:
        numbers = [next(one.number for one in shots if one.guide_luma is luma) for luma in guides]
        return [np.full((16, 24, 2), 10.0 if number < 60 else -30.0, np.float32) for number in numbers]

    assert colored(shots, sees)[-1].ab.mean() < -22
