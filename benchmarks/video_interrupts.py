"""Interrupt `koala video` at random moments, and see that nothing finished is lost and the result is the same.

    python benchmarks/video_interrupts.py FILM [--times 20] [--seed 0] [FLAGS FOR KOALA ...]

Each round starts a run on a new output, sends Ctrl-C at a random moment between the film's first and last frame,
and lets the same command finish. A round is good if the interrupted run ends with exit code 130, says so, and leaves
no output; if segments that were finished are still there; and if the finished film has the bytes of an unbroken run.
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


def command(film: Path, output: Path, flags: list[str]) -> list[str]:
    """The run of one film."""
    run = [sys.executable, "-X", "faulthandler", "-m", "koalacli", "video", str(film), "-o", str(output), "--json"]
    return run + flags


def unbroken(film: Path, output: Path, flags: list[str]) -> float:
    """Seconds between the first and the last frame of an unbroken run."""
    begun = ended = 0.0
    with subprocess.Popen(command(film, output, flags), stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout or ():
            begun, ended = begun or time.perf_counter(), time.perf_counter()
            assert json.loads(line).get("outcome") != "failed", line
    return ended - begun


def broken(film: Path, output: Path, flags: list[str], moment: float) -> tuple[int, str]:
    """Exit code and errors of a run that is interrupted so many seconds after it began."""
    with subprocess.Popen(
        command(film, output, flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        run.stdout.readline()
        time.sleep(moment)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    return run.returncode, errors


def finished_frames(output: Path) -> int:
    """Lines of the journals of unfinished work, less their heads."""
    journals = output.parent.glob(f".{output.name}.koala/*/journal.jsonl")
    return sum(journal.read_bytes().count(b"\n") - 1 for journal in journals)


def main() -> int:
    """Run all rounds; exit code 1 if one was not good."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given, flags = parser.parse_known_args()
    random.seed(given.seed)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, f"whole{given.film.suffix}")
        seconds = unbroken(given.film, whole, flags)
        for number in range(given.times):
            output = Path(folder, f"{number}{given.film.suffix}")
            moment = random.uniform(0, seconds)
            code, errors = broken(given.film, output, flags, moment)
            kept, there = finished_frames(output), output.exists()
            unbroken(given.film, output, flags)
            same = output.read_bytes() == whole.read_bytes()
            good = (code in INTERRUPTED or (code == 0 and there)) and same and "Traceback" not in errors
            bad += not good
            print(f"{number}: at {moment:.2f} s: exit {code}, {kept} segments kept, same bytes: {same}, good: {good}")
            if not good:
                print(errors)
    print(f"{given.times - bad} of {given.times} good")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
