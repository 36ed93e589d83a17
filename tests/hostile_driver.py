"""Colorizes pictures and films one by one, each in a process of its own with limits, and says what is wrong.

python tests/hostile_driver.py [FOLDER...]    every file below the folders; without one some 400 hostile ones are made
EVERY=10 python tests/hostile_driver.py       a tenth of them
SEED=3 python tests/hostile_driver.py         damaged in other places

The network costs nothing, but sees as much as the real one, so that memory is what it would be. Wrong is: a crash
(a signal or a traceback), more than SECONDS of the processor or MEMORY, a failure that leaves an output or is not
told in one line with the file's name, a picture whose lightness was not verified, a film of other frames than its
source's without a word. At the end all are colorized again as one folder: the command must end, with a true code.
"""

import contextlib
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from faults_driver import Network
from painter import Painter

from koalacli.config import ColorizeConfig, VideoConfig
from koalacli.errors import KoalaError
from koalacli.io.film.encoders import CONTAINERS, OTHERWISE
from koalacli.io.suffixes import is_film
from koalacli.pipelines.colorize import colorize
from koalacli.pipelines.video.pipeline import colorize_video
from koalacli.process import quiet_libraries
from koalacli.records import Outcome, Record

SECONDS = 10.0
PATIENCE = 40 * SECONDS  # of the clock: others may use the processor
MEMORY = 3 << 30  # bytes, of the whole process
SAME = 6.0  # 8-bit codes that the luma of a film's small frames may differ by: encoders are lossy
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
    told = _read(readable, PATIENCE)
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
    quiet_libraries()
    code, said = 0, {"outcome": "", "reason": ""}
    try:
        for record in _records(path, output):
            if isinstance(record, Record):
                said = {"outcome": record.outcome.value, "reason": record.reason}
    except KoalaError as error:  # of the request: one line on the terminal
        said = {"outcome": Outcome.FAILED.value, "reason": str(error)}
    except BaseException as error:
        code, said = 1, {"outcome": "", "reason": f"{type(error).__name__}: {error}"}
    os.write(pipe, json.dumps(said)[:60000].encode())
    os._exit(code)


def _records(path: Path, output: Path) -> Iterator[Any]:
    if is_film(path):
        return colorize_video(str(path), VideoConfig(output=str(output)), Painter())
    config = ColorizeConfig(verify=True, workers=1, colored="recolor")  # colored ones are work, too
    return colorize(str(path), str(output), config, Wide())


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
    if outcome == Outcome.DONE and is_film(path):
        return "" if reason or _looks_the_same(path, output) else "other frames than the source"
    if outcome == Outcome.DONE:
        return "" if "verified" in reason else "not verified"
    if output.exists() and "damaged" not in reason:  # a film goes as far as it can be decoded
        return f"an output, though {outcome}"
    named = reason.startswith((str(path), str(output)))
    if outcome == Outcome.FAILED and (not named or "\n" in reason or len(reason) > 1000):
        return "not told in one line with its name"
    return "" if outcome in (Outcome.FAILED, Outcome.SKIPPED) else "no record"


def _looks_the_same(source: Path, output: Path) -> bool:
    before, after = _small_frames(source), _small_frames(output)
    return before.shape == after.shape and float(np.abs(before - after).max(initial=0)) < SAME


def _small_frames(path: Path) -> Any:
    """Luma of every frame that can be decoded, float32 (N, 8, 8), 0..255."""
    small = []
    with contextlib.suppress(av.FFmpegError), av.open(str(path)) as film:
        for frame in film.decode(video=0):
            small.append(cv2.resize(frame.to_ndarray(format="gray"), (8, 8), interpolation=cv2.INTER_AREA))
    return np.array(small, np.float32)


def colorize_all(paths: list[Path], folder: Path) -> Iterator[End]:
    """Every file alone; outputs are removed at once."""
    for path in paths:
        suffix = path.suffix if not is_film(path) or path.suffix in CONTAINERS else OTHERWISE
        yield colorize_alone(path, folder / f"output{suffix}")
        for left in folder.iterdir():  # of a file that is called a shard of pictures, a folder
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def code_of_one_run(folder: Path, output: Path) -> int:
    """The exit code of the command for a folder of them."""
    kind = ["colorize", "--verify", "--colored", "recolor"] if folder.name == "stills" else ["video"]
    command = [sys.executable, str(HERE / "faults_driver.py"), "run", *kind, str(folder), "-o", str(output), "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    return subprocess.run(command, env=environment, check=False, stderr=subprocess.DEVNULL).returncode


def main(folders: list[str]) -> int:
    """Print what is wrong, and the worst of time and memory."""
    with tempfile.TemporaryDirectory() as made:
        work = Path(made, "work")
        work.mkdir()
        if not folders:
            from hostile_inputs import write_hostile

            write_hostile(Path(made, "in"), int(os.environ.get("EVERY", "1")), int(os.environ.get("SEED", "0")))
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
        wrong = any(end.wrong for end in ends)
        for kind in Path(made, "in").glob("*"):
            failed = {end.name for end in ends if end.outcome == Outcome.FAILED}
            code, expected = (
                code_of_one_run(kind, Path(made, "out")),
                int(any((kind / name).exists() for name in failed)),
            )
            print(f"{kind.name} as one run: exit code {code}, expected {expected}")
            wrong |= code != expected
        return int(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
