"""Colorizes pictures one by one, each in a process of its own with limits, and says what is wrong with how it ended.

python tests/hostile_driver.py [FOLDER...]    every file below the folders; without one some 300 hostile ones are made
EVERY=10 python tests/hostile_driver.py       a tenth of them

The network costs nothing, but sees as much as the real one, so that memory is what it would be. Wrong is: a crash
(a signal or a traceback), more than SECONDS of the processor or MEMORY, a failure that leaves an output or is not
told in one line with the file's name, an output whose lightness was not verified. At the end all are colorized again
as one folder: the command must end, with a code that is true.
"""

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from faults_driver import Network

from koalacli.config import ColorizeConfig
from koalacli.errors import KoalaError
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record

SECONDS = 10.0
MEMORY = 3 << 30  # bytes, of the whole process
HERE = Path(__file__).resolve().parent


class Wide(Network):
    """The network that costs nothing, seeing at the size of the real one."""

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        return 256, 256

    def shrink(self, lightness: Any) -> Any:
        return cv2.resize(lightness, (256, 256), interpolation=cv2.INTER_AREA)[..., None]


@dataclass(frozen=True)
class End:
    """How it ended for one file: outcome and reason of the record, seconds, bytes held at most, what is wrong."""

    name: str
    outcome: str
    reason: str
    seconds: float
    memory: int
    wrong: str


def colorize_alone(path: Path, output: Path) -> End:
    """Colorize one file in a child, which is ended when it takes too long."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _work(path, output, writable)
    os.close(writable)
    told = _read(readable, 12 * SECONDS)
    if told is None:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    said = json.loads(told) if told else {"outcome": "", "reason": ""}
    code = os.waitstatus_to_exitcode(status)
    wrong = (
        "hang"
        if told is None
        else f"crash ({code}) {said['reason']}"
        if code or not told
        else _wrong(path, output, said)
    )
    wrong = wrong or ("memory" if memory > MEMORY else "slow" if seconds > SECONDS else "")
    return End(path.name, said["outcome"], said["reason"], seconds, memory, wrong)


def _work(path: Path, output: Path, pipe: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(2 * SECONDS), int(2 * SECONDS)))
    resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY, 4 * MEMORY))  # so that a flood does not take the machine along
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path
        os.dup2(nowhere.fileno(), 2)
    code, said = 0, {"outcome": "", "reason": ""}
    try:
        config = ColorizeConfig(verify=True, workers=1)
        for record in colorize(str(path), str(output), config, Wide()):
            if isinstance(record, Record):
                said = {"outcome": record.outcome.value, "reason": record.reason}
    except KoalaError as error:  # of the request: one line on the terminal
        said = {"outcome": Outcome.FAILED.value, "reason": str(error)}
    except BaseException as error:
        code, said = 1, {"outcome": "", "reason": f"{type(error).__name__}: {error}"}
    os.write(pipe, json.dumps(said)[:60000].encode())
    os._exit(code)


def _read(pipe: int, seconds: float) -> bytes | None:
    """What a child writes before it ends; None if that takes longer."""
    parts, until = b"", time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            part = os.read(pipe, 1 << 16)
            if not part:
                os.close(pipe)
                return parts
            parts += part
    os.close(pipe)
    return None


def _wrong(path: Path, output: Path, said: dict[str, str]) -> str:
    outcome, reason = said["outcome"], said["reason"]
    if outcome == Outcome.DONE:
        return "" if "verified" in reason else "not verified"
    if output.exists():
        return f"an output, though {outcome}"
    if outcome == Outcome.FAILED and (not reason.startswith(str(path)) or "\n" in reason or len(reason) > 1000):
        return "not told in one line with its name"
    return "" if outcome in (Outcome.FAILED, Outcome.SKIPPED) else "no record"


def colorize_all(paths: list[Path], folder: Path) -> Iterator[End]:
    """Every file alone; outputs are removed at once."""
    for path in paths:
        yield colorize_alone(path, folder / f"output{path.suffix}")
        for left in folder.iterdir():
            left.unlink()


def code_of_one_run(folder: Path, output: Path) -> int:
    """The exit code of the command for a folder of them."""
    command = [sys.executable, str(HERE / "faults_driver.py"), "run", "colorize", str(folder), str(output), "--verify"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    return subprocess.run([*command, "--quiet"], env=environment, check=False, stderr=subprocess.DEVNULL).returncode


def main(folders: list[str]) -> int:
    """Print what is wrong, and the worst of time and memory."""
    with tempfile.TemporaryDirectory() as made:
        work = Path(made, "work")
        work.mkdir()
        if not folders:
            from hostile_inputs import write_hostile

            write_hostile(Path(made, "in"), int(os.environ.get("EVERY", "1")))
            folders = [str(Path(made, "in"))]
        paths = sorted(path for folder in folders for path in Path(folder).rglob("*") if path.is_file())
        ends = []
        for end in colorize_all(paths, work):
            ends.append(end)
            if os.environ.get("ALL"):
                print(json.dumps(end.__dict__), flush=True)
            elif end.wrong:
                print(f"{end.wrong}: {end.name}: {end.reason}", flush=True)
        count = {outcome: sum(end.outcome == outcome for end in ends) for outcome in ("done", "skipped", "failed")}
        slowest, largest = max(ends, key=lambda end: end.seconds), max(ends, key=lambda end: end.memory)
        print(f"{len(ends)} files: {count}, {sum(bool(end.wrong) for end in ends)} wrong")
        print(f"slowest {slowest.seconds:.1f} s ({slowest.name})")
        print(f"largest {largest.memory / 2**20:.0f} MiB ({largest.name})")
        if len(folders) == 1 and Path(folders[0]).parent == Path(made):
            code, expected = code_of_one_run(Path(folders[0]), Path(made, "out")), int(count["failed"] > 0)
            print(f"as one run: exit code {code}, expected {expected}")
            return int(code != expected or any(end.wrong for end in ends))
        return int(any(end.wrong for end in ends))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
