"""The journal: what a rerun remembers, and what it forgives."""

from dataclasses import replace
from pathlib import Path

import pytest

from koalacli.config import ColorizeConfig
from koalacli.journal import JOURNAL, Journal, digest_settings, stamp_of
from koalacli.journal_lines import BEGUN, UNSURE, Beginning
from koalacli.records import Outcome


def test_an_entry_is_found_again(tmp_path: Path) -> None:
    """What one run notes, the next one finds, under the output's name relative to the folder."""
    journal = Journal(tmp_path, "settings", "weights")
    journal.note(str(tmp_path / "deep" / "a ü.jpg"), (10, 20), Outcome.DONE, 0.5, "a remark")
    entry = Journal(tmp_path, "settings", "weights").find(str(tmp_path / "deep" / "a ü.jpg"))
    assert entry is not None
    assert (entry.path, entry.size, entry.mtime, entry.outcome) == ("deep/a ü.jpg", 10, 20, "done")


@pytest.mark.parametrize(
    ("settings", "weights", "stamp", "current"),
    [
        ("s", "w", (1, 2), True),
        ("s", "", (1, 2), False),
        ("other", "w", (1, 2), False),
        ("s", "other", (1, 2), False),
        ("s", "w", (1, 3), False),
        ("s", "w", (2, 2), False),
    ],
)
def test_an_entry_holds_while_input_settings_and_weights_do(
    tmp_path: Path, settings: str, weights: str, stamp: tuple[int, int], current: bool
) -> None:
    """Any change makes it stale."""
    Journal(tmp_path, "s", "w").note(str(tmp_path / "a.jpg"), (1, 2), Outcome.DONE, 0.1)
    journal = Journal(tmp_path, settings, weights)
    entry = journal.find(str(tmp_path / "a.jpg"))
    assert entry is not None
    assert journal.is_current(entry, stamp) is current


def test_torn_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    """A crash in the middle of a line costs that line and no other, also not the one written next."""
    journal = Journal(tmp_path)
    journal.note(str(tmp_path / "a.jpg"), (1, 1), Outcome.DONE, 0.1)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'[1, 2]\n{"path": 5}\n\xff\xfe\n{"path": "b.jpg", "si')
    journal = Journal(tmp_path)
    journal.note(str(tmp_path / "c.jpg"), (3, 3), Outcome.FAILED, 0.1, "why")
    journal = Journal(tmp_path)
    assert [journal.find(str(tmp_path / f"{name}.jpg")) is not None for name in "abc"] == [True, False, True]


def test_the_last_line_about_an_output_counts(tmp_path: Path) -> None:
    """A failure that was repaired is no failure any more."""
    journal = Journal(tmp_path)
    journal.note(str(tmp_path / "a.jpg"), (1, 1), Outcome.FAILED, 0.1)
    journal.note(str(tmp_path / "a.jpg"), (1, 1), Outcome.DONE, 0.1)
    entry = Journal(tmp_path).find(str(tmp_path / "a.jpg"))
    assert entry is not None
    assert entry.outcome == "done"


def test_a_single_file_keeps_no_journal(tmp_path: Path) -> None:
    """Without an output folder nothing is written and nothing is found."""
    journal = Journal(None)
    journal.note(str(tmp_path / "a.jpg"), (1, 1), Outcome.DONE, 0.1)
    assert journal.find(str(tmp_path / "a.jpg")) is None
    assert list(tmp_path.iterdir()) == []


def test_only_settings_that_shape_an_output_are_digested() -> None:
    """More threads make the same picture, another quality does not."""
    config = ColorizeConfig()
    assert digest_settings(replace(config, workers=7, verify=True)) == digest_settings(config)
    for change in ({"quality": 50}, {"chroma_subsampling": "444"}, {"provenance": False}, {"size": 256}):
        assert digest_settings(replace(config, **change)) != digest_settings(config)


def test_a_missing_input_has_a_stamp_of_zeros(tmp_path: Path) -> None:
    """It can be compared like any other."""
    assert stamp_of(str(tmp_path / "gone")) == (0, 0)


def test_what_is_begun_is_known_until_a_line_of_its_own_comes(tmp_path: Path) -> None:
    """Of what was there before, nobody knows whether it is the new one; of the rest, that it was made as begun."""
    (tmp_path / "old.jpg").touch()
    names = ("old", "new", "noted", "absent")
    journal = Journal(tmp_path, "settings", "weights")
    journal.begin([Beginning(str(tmp_path / f"{name}.jpg"), (1, 2), "", f"in/{name}.jpg") for name in names])
    journal.note(str(tmp_path / "noted.jpg"), (1, 2), Outcome.DONE, 0.1)
    for name in ("new", "noted", "strange"):
        (tmp_path / f"{name}.jpg").touch()
    again = Journal(tmp_path, "settings", "weights")
    outcomes = {entry.path: entry.outcome for entry in again.entries()}
    assert outcomes == {"old.jpg": UNSURE, "new.jpg": BEGUN, "noted.jpg": "done", "absent.jpg": BEGUN}
    kept = {name: again.keeps(str(tmp_path / f"{name}.jpg"), (1, 2), "skip") for name in (*names, "strange")}
    assert kept == {"old": False, "new": True, "noted": True, "absent": False, "strange": True}
    assert not again.keeps(str(tmp_path / "new.jpg"), (1, 3), "skip")
    assert not Journal(tmp_path, "others", "weights").keeps(str(tmp_path / "new.jpg"), (1, 2), "skip")
