"""koala from files to files against its limits, in one run.

    python benchmarks/speed.py [--rounds 5] [--megapixels 0.15 2 12] [--kinds jpeg png tiff] [--heights 480 1080]
        [--clip CLIP] [--before CHECKOUT] [--out docs/benchmarks.json]

Pictures, which the command makes of the examples with grain of its own on each, and films:

- koala: `koala colorize` and `koala video` from the first read to the last write, loading left out
- network: the bare compiled network on the same lightness in the same batches
- codec: OpenCV reads the same files to BGR and writes them, a thread per core; for films the same reader and encoder
- sum: network and codec one after the other on the same cores
- color: what is done with what the network gives, pixels to pixels; it is neither network nor codec
- before: koala of another checkout

All sides take turns; each round is a ratio, medians are told with the least and the largest. `clock` is by seconds on
the clock, `processor` by seconds of processor time of all threads, which is the steadier one on a machine that does
other work. Processes that have loaded their network wait for their turn, so the peak of memory is that of one.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from speed_sides import COUNTS, PRESET, ROOT, SIDE, SUFFIXES, make_clip, make_pictures

Turn = tuple[float, float, float]  # seconds on the clock, of processor time, peak of memory in MiB


class Server:
    """A process of its own with a checkout's koala."""

    def __init__(self, checkout: Path):
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks" / "speed_sides.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            cwd=checkout,
        )
        self._line()

    def ask(self, side: str, source: Path, output: Path) -> Turn:
        """Seconds on the clock, seconds of processor time, peak of memory."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([side, str(source), str(output)]) + "\n")
        self._process.stdin.flush()
        clock, processor, peak = json.loads(self._line())
        return clock, processor, peak

    def _line(self) -> str:
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise SystemExit("the process that measures has ended")
        return line


def summary(values: list[float]) -> list[float]:
    """Median, least and largest."""
    return [round(one, 3) for one in (statistics.median(values), min(values), max(values))]


def compare(turns: dict[str, list[Turn]], count: int, over: dict[str, list[str]]) -> dict[str, Any]:
    """What the rounds of a case say.

    Args:
        turns: of each side, a measure per round.
        count: pictures or frames in each.
        over: ratios that are wanted: name -> sides whose times are added and divided by those of koala; `before` is
            one where it was measured.
    """
    over |= {"before": ["before"]} if "before" in turns else {}
    found: dict[str, Any] = {
        "per_second": {side: summary([count / turn[0] for turn in rounds]) for side, rounds in turns.items()},
        "processor_ms": {side: summary([turn[1] / count * 1e3 for turn in rounds]) for side, rounds in turns.items()},
        "peak_mib": {
            side: round(max(turn[2] for turn in turns[side])) for side in ("koala", "before") if side in turns
        },
    }
    for number, name in enumerate(("clock", "processor")):
        found[name] = {}
        for ratio, sides in over.items():
            rounds = zip(turns["koala"], *(turns[side] for side in sides), strict=True)
            found[name][ratio] = summary([sum(turn[number] for turn in limit) / own[number] for own, *limit in rounds])
    return found


def take_turns(sides: dict[str, Callable[[], Turn]], rounds: int) -> dict[str, list[Turn]]:
    """A measure per side and round, after a round that does not count."""
    for side in sides.values():
        side()
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            turns[name].append(side())
    return turns


def measure_pictures(servers: dict[str, Server], asked: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Each kind at each size."""
    cases, output = [], folder / "out"
    output.mkdir()
    for megapixels, kind in itertools.product(asked.megapixels, asked.kinds):
        source = folder / f"{kind} {megapixels:g}"
        count = make_pictures(source, kind, megapixels)
        sides = {name: partial(server.ask, "koala", source, output) for name, server in koalas(servers).items()}
        sides |= {name: partial(servers["limits"].ask, name, source, output) for name in ("network", "codec", "color")}
        over = {"network": ["network"], "codec": ["codec"], "sum": ["network", "codec"]}
        over["sum and color"] = ["network", "codec", "color"]
        found = compare(take_turns(sides, asked.rounds), count, over)
        cases.append({"kind": kind, "megapixels": megapixels, "pictures": count, **found})
        sys.stderr.write(f"{kind} {megapixels:g}: {found['processor']}\n")
    return cases


def measure_films(servers: dict[str, Server], asked: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """The clip at each height, against transcoding with the same encoder."""
    from video_speed import enlarge

    clip = asked.clip or folder / "clip.mp4"
    if asked.heights and not asked.clip:
        make_clip(clip)
    cases = []
    for height in asked.heights:
        film = folder / f"film-{height}.mp4"
        enlarge(clip, film, asked.seconds, (round(height * 16 / 9 / 2) * 2, height))
        sides = {name: partial(server.ask, "film", film, folder) for name, server in koalas(servers).items()}
        sides["codec"] = partial(servers["limits"].ask, "transcode", film, folder)
        found = compare(take_turns(sides, asked.rounds), 1, {"codec": ["codec"]})
        cases.append({"height": height, "seconds": asked.seconds, "encoder_preset": PRESET, **found})
        sys.stderr.write(f"film {height}: {found['processor']}\n")
    return cases


def koalas(servers: dict[str, Server]) -> dict[str, Server]:
    """The processes that color."""
    return {name: server for name, server in servers.items() if name != "limits"}


def measure_machine(server: Server, rounds: int, folder: Path) -> dict[str, Any]:
    """The rate of matrix products, in billions of operations per second, and what the network needs per picture."""
    from koalacli.family import FACTS
    from koalacli.family import SIDE as COUNTED

    rates = [2 * SIDE**3 / server.ask("matrices", folder, folder)[0] / 1e9 for _ in range(rounds + 1)][1:]
    return {"matrix_gflops_per_second": summary(rates), "network_gflop": FACTS["koala"].gflops * 192 * 256 / COUNTED**2}


def environment() -> dict[str, object]:
    """What the figures depend on besides koala."""
    import tensorflow as tf

    import koalacli

    versions = {"koala": koalacli.__version__, "tensorflow": tf.__version__, "opencv": cv2.__version__}
    return {**versions, "python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}


def main() -> None:
    """Measure, print, and write the page's figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megapixels", type=float, nargs="*", default=list(COUNTS))
    parser.add_argument("--kinds", nargs="+", choices=SUFFIXES, default=list(SUFFIXES))
    parser.add_argument("--heights", type=int, nargs="*", default=[480, 1080], help="Of films of 16:9; none: no films.")
    parser.add_argument("--seconds", type=int, default=8, help="Of each film.")
    parser.add_argument("--clip", type=Path, help="A film to enlarge; by default one is made of the examples.")
    parser.add_argument("--before", type=Path, help="A checkout of another koala, measured in the same rounds.")
    parser.add_argument("--out", type=Path, help="JSON file; by default standard output.")
    asked = parser.parse_args()
    servers = {"koala": Server(ROOT), "limits": Server(ROOT)}
    servers |= {"before": Server(asked.before)} if asked.before else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "environment": environment(),
            "rounds": asked.rounds,
            "machine": measure_machine(servers["limits"], asked.rounds, folder),
            "pictures": measure_pictures(servers, asked, folder),
            "films": measure_films(servers, asked, folder),
        }
    text = json.dumps(result, indent=1) + "\n"
    asked.out.write_text(text, "utf-8") if asked.out else sys.stdout.write(text)


if __name__ == "__main__":
    main()
