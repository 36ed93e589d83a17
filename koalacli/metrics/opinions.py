"""What people said: pooled answers of the real-or-fake study, with confidence intervals."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

from koalacli.errors import DataError, UsageError

FORMAT = "koala-study-1"
NORMAL_95 = 1.959964  # quantile of the normal law for a two-sided 95%
# What was reached elsewhere, under conditions of its own: each says what people were asked.
PUBLISHED = {
    "Deep Koalarization, 2017": (0.4587, "recolored pictures judged real, shown one at a time"),
    "Colorful Image Colorization, 2016": (0.323, "recolored picture taken for the real one of a pair; 0.5 is perfect"),
}


@dataclass(frozen=True)
class Rate:
    """A share of answers with its 95% Wilson interval, answers taken as independent."""

    value: float
    low: float
    high: float
    answers: int


@dataclass(frozen=True)
class Opinions:
    """Pooled answers.

    Attributes:
        sessions: result files that count.
        recolored: share of recolored pictures judged real; higher is better, that of originals is the ceiling.
        original: share of originals judged real.
        per_picture: the same for every recolored picture, by name.
        seconds: median time per answer.
        repeated: files left out, because their session was there already.
    """

    sessions: int
    recolored: Rate
    original: Rate
    per_picture: dict[str, Rate]
    seconds: float
    repeated: tuple[str, ...]

    def as_event(self) -> dict[str, Any]:
        """For --json."""
        published = {name: {"value": value, "asked": asked} for name, (value, asked) in PUBLISHED.items()}
        return {"event": "study", **asdict(self), "published": published}


def wilson(real: int, answers: int) -> Rate:
    """Share with the 95% score interval of Wilson 1927, which stays within 0..1 and is right for few answers."""
    if not answers:
        return Rate(float("nan"), 0.0, 1.0, 0)
    share, square = real / answers, NORMAL_95**2 / answers
    center = (share + square / 2) / (1 + square)
    half = NORMAL_95 * sqrt(share * (1 - share) / answers + square / answers / 4) / (1 + square)
    return Rate(share, max(0.0, center - half), min(1.0, center + half), answers)


def pool_opinions(paths: Sequence[Path]) -> Opinions:
    """Pool result files of one study.

    Raises:
        DataError: a file is no result file.
        UsageError: files of different studies.
    """
    sessions: dict[str, list[dict[str, Any]]] = {}
    repeated = []
    studies: dict[str, str] = {}
    for path in paths:
        result = _read(path)
        studies[result["study"]] = str(path)
        if result["session"] in sessions:
            repeated.append(str(path))
        else:
            sessions[result["session"]] = result["answers"]
    if len(studies) > 1:
        raise UsageError(f"{' and '.join(studies.values())} belong to different studies; pool each by itself")
    answers = [answer for session in sessions.values() for answer in session]
    by_picture: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        if answer["recolored"]:
            by_picture[answer["picture"]].append(answer["judged_real"])
    return Opinions(
        sessions=len(sessions),
        recolored=_rate(answer["judged_real"] for answer in answers if answer["recolored"]),
        original=_rate(answer["judged_real"] for answer in answers if not answer["recolored"]),
        per_picture={picture: _rate(by_picture[picture]) for picture in sorted(by_picture)},
        seconds=median(answer["seconds"] for answer in answers) if answers else float("nan"),
        repeated=tuple(repeated),
    )


def _rate(judged_real: Iterable[bool]) -> Rate:
    opinions = list(judged_real)
    return wilson(sum(opinions), len(opinions))


ANSWER: dict[str, Any] = {"picture": str, "recolored": bool, "judged_real": bool, "seconds": (int, float)}
LONGEST = 1e6  # seconds; nobody looks at a picture for eleven days


def _is_answer(answer: Any) -> bool:
    kinds = all(isinstance(answer[key], kind) for key, kind in ANSWER.items())
    return kinds and not isinstance(answer["seconds"], bool) and 0 <= answer["seconds"] <= LONGEST  # NaN is not


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text("utf-8"))
        sound = result["format"] == FORMAT and isinstance(result["study"], str) and isinstance(result["session"], str)
        sound &= isinstance(result["answers"], list) and all(map(_is_answer, result["answers"]))
        shown = [answer["picture"] for answer in result["answers"]]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: not a result file of the study (no JSON of that form)") from error
    if not sound:
        raise DataError(f"{path}: not a result file of the study (format {FORMAT} expected)")
    if len(set(shown)) < len(shown):
        raise DataError(f"{path}: answers the same picture more than once; the page never asks twice")
    return dict(result)
