"""Pooling answers of the study."""

import json
from pathlib import Path

import pytest

from koalacli.errors import DataError, UsageError
from koalacli.metrics.opinions import pool_opinions, wilson


def result_file(path: Path, session: str, answers: list[tuple[str, bool, bool, float]], study: str = "s") -> Path:
    """A result file with (picture, recolored, judged real, seconds) answers."""
    keys = ("picture", "recolored", "judged_real", "seconds")
    content = {
        "format": "koala-study-1",
        "study": study,
        "session": session,
        "answers": [dict(zip(keys, answer, strict=True)) for answer in answers],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("real", "answers", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (1, 2, 0.0945, 0.9055)],
)
def test_wilson_interval_has_the_known_values(real: int, answers: int, low: float, high: float) -> None:
    """81 of 263 is the worked example of Newcombe 1998 (method 3); the others follow from the formula by hand."""
    rate = wilson(real, answers)
    assert rate.value == real / answers
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-4)


def test_answers_are_pooled_over_sessions_and_per_picture(tmp_path: Path) -> None:
    """Recolored and originals are counted apart."""
    files = [
        result_file(tmp_path / "1.json", "x", [("a", True, True, 1.0), ("b", False, True, 2.0)]),
        result_file(tmp_path / "2.json", "y", [("a", True, False, 3.0), ("b", True, True, 4)]),
    ]
    opinions = pool_opinions(files)
    assert (opinions.recolored.value, opinions.recolored.answers) == (pytest.approx(2 / 3), 3)
    assert (opinions.original.value, opinions.original.answers) == (1, 1)
    assert {name: rate.value for name, rate in opinions.per_picture.items()} == {"a": 0.5, "b": 1}
    assert opinions.seconds == 2.5


def test_a_session_counts_once(tmp_path: Path) -> None:
    """The same file sent twice changes nothing, and is named."""
    answers = [("a", True, True, 1.0)]
    files = [result_file(tmp_path / name, "x", answers) for name in ("1.json", "copy.json")]
    opinions = pool_opinions(files)
    assert opinions.recolored.answers == 1
    assert opinions.repeated == (str(files[1]),)


def test_different_studies_are_not_mixed(tmp_path: Path) -> None:
    """Pictures differ between studies, and so would the meaning of a rate."""
    files = [result_file(tmp_path / f"{study}.json", study, [], study) for study in "ab"]
    with pytest.raises(UsageError, match="different studies"):
        pool_opinions(files)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "koala-study-1", "study": 1, "session": "", "answers": []}']
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    """One line names the file."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json: not a result file"):
        pool_opinions([tmp_path / "x.json"])


LIES = {
    "a list of other things": '{"a": 1}',
    "no list": '"yes"',
    "seconds that are no number": '[{"picture": "a", "recolored": true, "judged_real": true, "seconds": NaN}]',
    "endless seconds": '[{"picture": "a", "recolored": true, "judged_real": true, "seconds": 1%s}]' % ("0" * 400),
    "negative seconds": '[{"picture": "a", "recolored": true, "judged_real": true, "seconds": -1}]',
    "seconds of true": '[{"picture": "a", "recolored": true, "judged_real": true, "seconds": true}]',
    "brackets without end": "[" * 100_000,
}


@pytest.mark.parametrize("answers", LIES.values(), ids=LIES.keys())
def test_answers_that_cannot_be_are_refused(tmp_path: Path, answers: str) -> None:
    """Neither a traceback nor a figure comes of them."""
    head = '{"format": "koala-study-1", "study": "s", "session": "x", "answers": '
    (tmp_path / "x.json").write_text(head + answers + "}")
    with pytest.raises(DataError, match=r"x\.json: not a result file"):
        pool_opinions([tmp_path / "x.json"])


def test_a_picture_answered_twice_in_a_session_is_refused(tmp_path: Path) -> None:
    """The page shows each picture once; fifty answers to one are somebody's hand."""
    with pytest.raises(DataError, match="more than once"):
        pool_opinions([result_file(tmp_path / "x.json", "x", [("a", True, True, 1.0)] * 50)])
