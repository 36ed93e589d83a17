"""What is known of one picture, in another of the same things."""

import numpy as np

from koalacli.control.kernel import SCOPES, Places
from koalacli.control.lesson import POINTS, Lesson

SIZE = (20, 30)


def picture(left_is_jacket: bool) -> tuple[Places, np.ndarray]:
    """A jacket in one half and a wall in the other, which differ in features and not in lightness; and where it is."""
    jacket = np.zeros(SIZE, bool)
    jacket[:, : SIZE[1] // 2] = left_is_jacket
    jacket[:, SIZE[1] // 2 :] = not left_is_jacket
    features = np.stack([jacket, ~jacket], -1).astype(np.float32)
    guess = np.full((*SIZE, 2), 5, np.float32)
    return Places.of(features, np.full(SIZE, 50, np.float32), guess), jacket


def test_a_thing_has_its_color_wherever_it_has_gone() -> None:
    """The jacket is known to be red and the wall to be as guessed; after they have changed places, too."""
    before, jacket = picture(left_is_jacket=True)
    known = np.where(jacket[..., None], np.float32((40, 20)), before.ab)
    after, jacket = picture(left_is_jacket=False)
    for scope in ("picture", "thing"):
        color = Lesson.learn(before, known, SCOPES[scope]).apply(after)
        assert color[jacket].mean(0)[0] > color[~jacket].mean(0)[0] + 10, scope
    assert np.abs(color[~jacket] - 5).mean() < 3, "a hint for a thing leaves the rest"


def test_a_lesson_is_small() -> None:
    """However large a picture is, about so many points are learned of it."""
    places, _ = picture(left_is_jacket=True)
    for repeat in (1, 4):
        large = Places(*(np.repeat(getattr(places, name), repeat, 0) for name in Places.__dataclass_fields__))
        assert POINTS / 2 < len(Lesson.learn(large, large.ab, SCOPES["picture"]).parts) < POINTS * 2
