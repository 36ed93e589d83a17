"""Runs koala with a network that costs nothing, in a process that may be killed; see test_faults.py.

python tests/faults_driver.py run ARGUMENTS...            the command line
python tests/faults_driver.py kill INPUT FOLDER COUNT     kill -9 at random moments, then rerun
python tests/faults_driver.py share INPUT FOLDER          two processes, one output folder
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from koalacli.config import ColorizeConfig
from koalacli.journal import JOURNAL
from koalacli.pipelines.colorize import colorize
from koalacli.prediction import Prediction

PAUSE = float(os.environ.get("PAUSE", "0"))  # seconds that the network takes for a batch


class Network:
    """Stands in for a Colorizer: color is a plain function of lightness."""

    def __init__(self, pause: float = 0.0):
        self.device, self.batch_size, self.pause = "cpu", 4, pause
        self.weights = SimpleNamespace(name="plain", digest="0" * 64)

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        return 64, 64

    def shrink(self, lightness: Any) -> Any:
        return cv2.resize(lightness, (64, 64), interpolation=cv2.INTER_AREA)[..., None]

    def predict(self, guides: list[Any], **_extras: bool) -> Prediction:
        time.sleep(self.pause)
        small = np.stack([cv2.resize(guide, (16, 16), interpolation=cv2.INTER_AREA) for guide in guides])
        return Prediction(np.stack([small / 4, small / -5 + 10], -1).astype(np.float32))


def run_all(source: str, output: str) -> None:
    for _ in colorize(source, output, ColorizeConfig(workers=2), Network(PAUSE)):
        pass


def in_child(work: Callable[[], None]) -> int:
    """Process number of a child that does the work and ends without cleaning up."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def wait_for(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def contents(folder: Path) -> dict[str, bytes]:
    """Outputs by name; the journal, which holds times, left out."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".koala")}


def kill_and_rerun(source: str, folder: Path, count: int) -> dict[str, Any]:
    started = time.perf_counter()
    codes = [wait_for(in_child(lambda: run_all(source, str(folder / "whole"))))]
    length = time.perf_counter() - started
    whole = contents(folder / "whole")
    found: list[dict[str, Any]] = []
    chance = random.Random(5)
    for number in range(count):
        output = folder / f"killed{number}"
        child = in_child(lambda output=output: run_all(source, str(output)))  # type: ignore[misc]
        time.sleep(chance.uniform(0, length))
        os.kill(child, signal.SIGKILL)
        wait_for(child)
        before = len(contents(output)) if output.exists() else 0
        codes.append(wait_for(in_child(lambda output=output: run_all(source, str(output)))))  # type: ignore[misc]
        lines = map(json.loads, (output / JOURNAL).read_text().splitlines())
        noted = Counter(line["path"] for line in lines if "path" in line)
        once = noted == Counter(whole.keys())
        found.append({"before": before, "same": contents(output) == whole, "once": once})
    return {"outputs": len(whole), "codes": codes, "rounds": found}


def share(source: str, folder: Path) -> dict[str, Any]:
    wait_for(in_child(lambda: run_all(source, str(folder / "whole"))))
    children = [in_child(lambda: run_all(source, str(folder / "shared"))) for _ in range(2)]
    codes = [wait_for(child) for child in children]
    journal = (folder / "shared" / ".koala-journal.jsonl").read_text().splitlines()
    return {
        "codes": codes,
        "same": contents(folder / "shared") == contents(folder / "whole"),
        "torn": sum(not line.endswith("}") or not line.startswith("{") for line in journal),
    }


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "run":
        from painter import Painter

        from koalacli.cli.app import main

        sys.argv = ["koala", *arguments]
        main(Painter(PAUSE) if arguments[:1] == ["video"] else Network(PAUSE))
    elif command == "kill":
        print(json.dumps(kill_and_rerun(arguments[0], Path(arguments[1]), int(arguments[2]))))
    elif command == "share":
        print(json.dumps(share(arguments[0], Path(arguments[1]))))
