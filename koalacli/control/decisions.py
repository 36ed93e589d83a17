"""Decisions: what people decided about a batch in `koala review`, from one file or from several.

A decisions file is a hints file with more in it: a verdict, a proposal, a reviewer and a date per picture, and beside
the pictures the batch, its weights, the reviewer and the date of the file.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from koalacli.control.bind import Faults, GrayJob, HintedJob, bind_entries, name_in
from koalacli.control.book import Entry, load_book, read_entry, read_fields
from koalacli.control.hints import Hints
from koalacli.errors import KoalaError, UsageError
from koalacli.io.arguments import STREAM
from koalacli.io.paths import Job
from koalacli.records import Notice, Outcome, Record
from koalacli.settings import ReadOut
from koalacli.weights_files import open_weights

VERDICTS = {
    "keep": "it is colored as decided",
    "gray": "it is copied as it is",
    "reject": "it is not written",
    "flag": "it is colored, and said to need another look",
}
LONGEST_NAME = 200  # characters of a reviewer's name
UNDATED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Decision:
    """What is decided about one picture.

    Attributes:
        entry: the picture, and what is known of its colors.
        verdict: an entry of VERDICTS, or nothing yet.
        reviewer: who decided, or nothing.
        date: when; UNDATED where the file does not say.
        file: in which it stands.
    """

    entry: Entry
    verdict: str
    reviewer: str
    date: datetime
    file: str

    @property
    def substance(self) -> tuple[str, str]:
        """What two people can differ in."""
        return self.verdict, self.entry.hints.digest

    def __str__(self) -> str:
        return f"{self.verdict or 'no verdict'} and {self.entry.hints} by {self.reviewer or self.file}"


D = TypeVar("D", bound=Decision)


@dataclass(frozen=True)
class Decided:
    """A work list after decisions.

    Attributes:
        jobs: what is left to do, with hints, or as copies.
        records: what is rejected, and what is refused.
        notices: where people differed, and what is flagged.
    """

    jobs: list[Job]
    records: list[Record]
    notices: list[Notice]


def apply_decisions(
    places: Sequence[str],
    source: str,
    jobs: Sequence[Job],
    reviewer: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Decided:
    """Give each job what is decided about it.

    A picture whose entry is wrong, or that has changed since, is refused by name and not written; the others go on.

    Args:
        places: decisions files.
        source: input as given on the command line.
        jobs: the work list.
        reviewer: who decided, where a file does not say.
        settings: of the run, from `color_settings`; where given, they must be those of the page that was looked at.

    Raises:
        UsageError: one of the places is no decisions file, or was made with other settings.
    """
    if any(job.source == STREAM for job in jobs):
        raise UsageError("--decisions needs inputs that have names; standard input has none")
    faults: Faults = []
    every: list[Decision] = []
    for place in places:
        decisions, wrong = read_decisions(Path(place), settings)
        every += decisions
        faults += wrong
    merged, notices = merge_decisions(every)
    bound, unbound = bind_entries([decision.entry for decision in merged.values()], source, jobs)
    faults += unbound
    refused = {name for name, _ in faults}
    records = [Record(name, "", Outcome.FAILED, f"{name}: {reason}") for name, reason in faults]
    left: list[Job] = []
    flagged: list[str] = []
    for number, job in enumerate(jobs):
        decision = merged[bound[number].name] if number in bound else None
        if _is_refused(name_in(source, job), refused):
            continue
        if decision and decision.verdict == "reject":
            records.append(_rejected(job, decision))
        else:
            flagged += [decision.entry.name] if decision and decision.verdict == "flag" else []
            left.append(_decided(job, decision, reviewer) if decision else job)
    if flagged:
        notices.append(Notice(f"flagged for another look: {', '.join(flagged)}"))
    return Decided(left, records, notices)


def color_settings(weights: str, read_out: ReadOut) -> dict[str, Any]:
    """What shapes color beside decisions, as a page and its decisions say it; `weights` is their digest."""
    return {"weights": weights, **asdict(read_out)}


def settings_of_run(weights: str, read_out: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a run: weights as `--weights` names them, and what it asks for; the network is not loaded for it."""
    known = open_weights(weights)
    try:
        own = ReadOut(**known.header["read_out"])
    except (KeyError, TypeError):  # weights that cannot be loaded: who loads them says why
        return {}
    return color_settings(known.digest, replace(own, **read_out))


def read_decisions(path: Path, settings: Mapping[str, Any] | None = None) -> tuple[list[Decision], Faults]:
    """Read a decisions file; a hints file is one without verdicts.

    Raises:
        UsageError: it cannot be read as one at all, or was made with other settings than these.
    """
    pictures, reviewer = load_decisions(path, settings)
    decisions: list[Decision] = []
    faults: Faults = []
    for name, given in pictures.items():
        try:
            verdict, rest = read_verdict(given, reviewer)
            decisions.append(Decision(read_entry(name, rest, path.parent), *verdict, str(path)))
        except KoalaError as error:
            faults.append((name, str(error)))
    return decisions, faults


def load_decisions(path: Path, settings: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], str]:
    """What a file says by picture, unread, and who decided where that does not say.

    Raises:
        UsageError: it is no decisions file at all, or was made with other settings than these.
    """
    value = load_book(path)
    pictures: dict[str, Any] = value.pop("pictures")
    try:
        head = {name: given for name, given in value.items() if not name.startswith("koala-")}
        _check_settings(head.pop("settings", {}), settings)
        read_fields(head, "the file", batch=str, weights=str, reviewer=str, date=str, optional=True)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return pictures, str(value.get("reviewer", ""))


def _check_settings(told: Any, own: Mapping[str, Any] | None) -> None:
    """Refuse decisions about colors that this run would not make.

    Raises:
        UsageError: they are about others, or what they tell of them is not understood.
    """
    if not isinstance(told, dict) or not all(isinstance(value, str | int | float) for value in told.values()):
        raise UsageError(f"settings {str(told)[:40]!r} are not understood")
    other = [name for name in own or {} if name in told and told[name] != (own or {})[name]]
    if not other:
        return
    anyway = 'or take "settings" out of the file to apply it to other colors than were looked at'
    if "weights" in other:
        raise UsageError(f"made with other weights (digest {str(told['weights'])[:12]}): give those, {anyway}")
    flags = " ".join(f"--{name} {str(told[name])[:20]}" for name in other if name != "method")
    if not flags:
        raise UsageError(f"made with the read-out {str(told['method'])[:20]!r}: give those weights, {anyway}")
    raise UsageError(f"made with {flags}: give that, {anyway}")


def merge_decisions(decisions: Sequence[D]) -> tuple[Mapping[str, D], list[Notice]]:
    """The decision that counts for each picture: the latest, of equally late ones the last. And who differed."""
    merged: dict[str, D] = {}
    notices: list[Notice] = []
    for decision in decisions:
        name = decision.entry.name
        before = merged.get(name)
        if before is None:
            merged[name] = decision
            continue
        earlier, later = sorted((before, decision), key=lambda one: one.date)  # stable: of equals the last is later
        if earlier.substance != later.substance:
            notices.append(Notice(f"{name}: {earlier} is overruled by {later}, which is later"))
        merged[name] = later
    return merged, notices


def read_verdict(given: Any, reviewer: str) -> tuple[tuple[str, str, datetime], dict[str, Any]]:
    """Verdict, reviewer and date of an entry, and what is left of it: hints.

    Raises:
        UsageError: some of it is wrong.
    """
    if not isinstance(given, dict):
        raise UsageError(f"the entry is {str(given)[:40]!r}, not an object")
    own = {key: given[key] for key in ("verdict", "reviewer", "date") if key in given}
    fields = read_fields(own, "the entry", verdict=str, reviewer=str, date=str, optional=True)
    verdict, by = fields.get("verdict", ""), fields.get("reviewer", reviewer)
    if verdict and verdict not in VERDICTS:
        raise UsageError(f"unknown verdict {verdict[:40]!r}; there is {', '.join(VERDICTS)}")
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in by):
        raise UsageError("the reviewer's name holds signs that are no text")
    if len(by) > LONGEST_NAME:
        raise UsageError(f"the reviewer's name has {len(by)} characters; {LONGEST_NAME} at most")
    rest = {key: value for key, value in given.items() if key not in own}
    return (verdict, by, _read_date(fields.get("date", ""))), rest


def _read_date(text: str) -> datetime:
    if not text:
        return UNDATED
    try:
        date = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"date {text[:40]!r} is not understood; write 2026-01-31T12:00:00Z") from error
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _is_refused(name: str, refused: set[str]) -> bool:
    """Whether a picture is one of those that a wrong entry is about."""
    return any(name == wrong or name.endswith(f"/{wrong}") for wrong in refused if wrong)


def _rejected(job: Job, decision: Decision) -> Record:
    by = f" by {decision.reviewer}" if decision.reviewer else ""
    left = "; an earlier output is still there" if Path(job.target).exists() else ""
    return Record(job.source, job.target, Outcome.SKIPPED, f"rejected{by}{left}", kind="rejected")


def _decided(job: Job, decision: Decision, reviewer: str) -> Job:
    if decision.verdict == "gray":
        return GrayJob(job.source, job.target)
    hints = decision.entry.hints
    return job if hints == Hints() else HintedJob(job.source, job.target, hints, decision.reviewer or reviewer)
