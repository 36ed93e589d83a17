"""Interrupt `koala colorize` at random moments of a folder, and see that what is finished is told and kept.

    python benchmarks/folder_interrupts.py FOLDER [--times 20] [--seed 0] [FLAGS FOR KOALA ...]

Each round starts a run on a new output folder, sends Ctrl-C a random moment after a random picture is told, and lets
the same command finish. A round is good if the interrupted run ends with exit code 130 and without a traceback, has
told just the outputs that are there, and if the finished folder has the bytes of an unbroken run.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTERRUPTED = (130, -signal.SIGINT)  # the shell tells both as 130
LONGEST_WAIT = 0.05  # seconds after the picture that was waited for


def start(source: Path, output: Path, flags: list[str]) -> subprocess.Popen[str]:
    """A run over the folder."""
    run = [sys.executable, "-X", "faulthandler", "-m", "koalacli", "colorize", str(source), str(output), "--json"]
    return subprocess.Popen(run + flags, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def outputs(folder: Path) -> dict[str, bytes]:
    """Outputs by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("[!.]*") if path.is_file()}


def told(line: str) -> bool:
    """Whether a run says in this line that a picture is done."""
    return line.startswith("{") and json.loads(line).get("outcome") == "done"


def interrupted(source: Path, output: Path, flags: list[str], after: int) -> tuple[int, int, str]:
    """Exit code, pictures told as done, and other words of a run that is interrupted after so many of them."""
    done, words = 0, ""
    with start(source, output, flags) as run:
        assert run.stdout
        for line in run.stdout:
            done += told(line)
            words += "" if line.startswith("{") else line
            if told(line) and done == after:
                time.sleep(random.uniform(0, LONGEST_WAIT))
                run.send_signal(signal.SIGINT)
    return run.returncode, done, words


def main() -> int:
    """Run all rounds; exit code 1 if one was not good."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given, flags = parser.parse_known_args()
    random.seed(given.seed)
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        with start(given.folder, Path(work, "whole"), flags) as run:
            run.communicate()
        whole = outputs(Path(work, "whole"))
        for number in range(given.times):
            folder = Path(work, str(number))
            code, done, errors = interrupted(given.folder, folder, flags, random.randint(1, len(whole) - 1))
            there = len(outputs(folder))
            with start(given.folder, folder, flags) as run:
                run.communicate()
            same = outputs(folder) == whole
            ended = code in INTERRUPTED or (code == 0 and there == len(whole))
            good = ended and done == there and same and "Traceback" not in errors
            bad += not good
            print(f"{number}: exit {code}, {done} told, {there} there, same bytes: {same}, good: {good}", flush=True)
            if not good:
                print(errors)
    print(f"{given.times - bad} of {given.times} good")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
