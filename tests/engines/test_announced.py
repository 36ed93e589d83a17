"""What a killed run has put in place is known to its rerun, in folders and in stores."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from standin import StandIn

from koalacli.config import ColorizeConfig
from koalacli.io import storage
from koalacli.journal import JOURNAL
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record

COUNT, LOST = 6, 4


class Store:
    """Outputs in memory."""

    def __init__(self, path: Path):
        self.place = f"memory://{path.relative_to(path.anchor).as_posix()}"

    def lines(self) -> list[str]:
        parts = [found.place for found in storage.list_objects(f"{self.place}/.koala-journal")]
        return [line for part in sorted(parts) for line in storage.read_object(part).decode().splitlines()]

    def lose(self, count: int) -> None:
        last = max(found.place for found in storage.list_objects(f"{self.place}/.koala-journal"))
        lines = storage.read_object(last).decode().splitlines()
        storage.write_object(last, "\n".join([*lines[:-count], ""]).encode())


class Folder(Store):
    """Outputs in a folder."""

    def __init__(self, path: Path):
        self.place = str(path)

    def lines(self) -> list[str]:
        return Path(self.place, JOURNAL).read_text().splitlines()

    def lose(self, count: int) -> None:
        Path(self.place, JOURNAL).write_text("\n".join([*self.lines()[:-count], ""]))


@pytest.mark.parametrize("make", [Folder, Store])
def test_what_a_killed_run_has_made_is_noted_and_not_made_again(make: Callable[[Path], Store], tmp_path: Path) -> None:
    """Its last lines are missing, its outputs are there: afterwards each stands in the journal once."""
    (tmp_path / "in").mkdir()
    for number in range(COUNT):
        pixels = np.random.default_rng(number).integers(60, 200, (40, 50), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    output = make(tmp_path / "out")

    def run(**settings: Any) -> Counter[Outcome]:
        news = colorize(str(tmp_path / "in"), output.place, ColorizeConfig(workers=2, **settings), StandIn(tmp_path))
        return Counter(one.outcome for one in news if isinstance(one, Record))

    assert run() == {Outcome.DONE: COUNT}
    output.lose(LOST)
    assert run(dry_run=True) == {Outcome.SKIPPED: COUNT}
    assert len(output.lines()) == 1 + COUNT - LOST
    assert run() == {Outcome.SKIPPED: COUNT}
    noted = [json.loads(line).get("path") for line in output.lines()]
    assert Counter(filter(None, noted)) == {f"{number}.png": 1 for number in range(COUNT)}
    output.lose(LOST)
    assert run(saturation=0.5) == {Outcome.DONE: COUNT}
