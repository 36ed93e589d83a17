"""Peak memory and time of `koala colorize` on scans of 200 megapixels.

    python benchmarks/large_scans.py [--megapixels 200] [--points 30] [--kinds gray8-strips-lzw ...]

Makes gray TIFFs of 8 and 16 bits in strips and in tiles, packed and plain, colorizes each in a
process of its own and prints JSON. `peak_mib` less `idle_mib`, the peak for a small picture, is
what the scan itself took. With --points, so many hints of scope `picture` are given for each.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

KINDS = {
    # name: (dtype, options of tifffile)
    "gray8-strips-deflate": ("uint8", {"rowsperstrip": 64, "compression": "adobe_deflate"}),
    "gray8-strips-lzw": ("uint8", {"rowsperstrip": 64, "compression": "lzw"}),
    "gray16-strips-plain": ("uint16", {"rowsperstrip": 64}),
    "gray16-tiles-deflate": ("uint16", {"tile": (512, 512), "compression": "adobe_deflate"}),
}
PACKERS = {"adobe_deflate": lambda data: zlib.compress(data, 1), "lzw": imagecodecs.lzw_encode}


def rows(height: int, width: int, dtype: str, tile: int = 0) -> Iterator[NDArray[np.uint16]]:
    """Strips of 64 rows, or tiles from left to right and top to bottom, of a soft pattern with grain."""
    top = np.iinfo(dtype).max
    grain = np.random.default_rng(0).normal(0, 0.01, (512, 512))
    for first in range(0, height, tile or 64):
        for left in range(0, width, tile) if tile else (0,):
            down = np.arange(first, first + (tile or min(64, height - first)))[:, None]
            across = np.arange(left, left + (tile or width))[None]
            light = 0.5 + 0.3 * np.sin(down / 900) * np.cos(across / 700)
            light += grain[down % 512, across % 512]
            yield (np.clip(light, 0, 1) * top).astype(dtype)


def make(path: Path, side: int, dtype: str, options: dict[str, object]) -> None:
    """A square gray scan that never is in memory as a whole."""
    tile = 512 if "tile" in options else 0
    data: Iterator[object] = rows(side, side, dtype, tile)
    if "compression" in options and not tile:  # tifffile takes strips of an iterator ready-made
        pack = PACKERS[str(options["compression"])]
        data = (pack(strip.tobytes()) for strip in rows(side, side, dtype))
    tifffile.imwrite(
        path, data, shape=(side, side), dtype=dtype, photometric="minisblack", metadata=None,
        maxworkers=1, **options,
    )  # fmt: skip


def hints_for(source: Path, points: int) -> Path:
    """A hints file beside a scan."""
    drawn = np.random.default_rng(0).random((points, 4)).tolist()
    told = [{"x": x, "y": y, "color": f"{20 * a:.1f},{-20 * b:.1f}", "scope": "picture"} for x, y, a, b in drawn]
    place = source.with_suffix(".json")
    place.write_text(json.dumps({"koala-hints": 1, "pictures": {source.name: {"points": told}}}))
    return place


def colorize(source: Path, target: Path, points: int) -> tuple[float, float]:
    """Seconds and peak resident memory in MiB of one command."""
    hints = ["--hints", str(hints_for(source, points))] if points else []
    started = time.perf_counter()
    child = os.spawnvp(
        os.P_NOWAIT,
        sys.executable,
        [sys.executable, "-m", "koalacli", "colorize", str(source), str(target), "--quiet", "--device", "cpu", *hints],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"koala colorize {source} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megapixels", type=float, default=200)
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    given = parser.parse_args()
    side = int((given.megapixels * 1e6) ** 0.5)
    results = {}
    with tempfile.TemporaryDirectory() as made:
        small = Path(made, "small.tif")
        make(small, 400, "uint8", {"rowsperstrip": 64})
        _, idle = colorize(small, Path(made, "small-color.tif"), given.points)
        for name in given.kinds:
            dtype, options = KINDS[name]
            source, target = Path(made, f"{name}.tif"), Path(made, f"{name}-color.tif")
            make(source, side, dtype, options)
            seconds, peak = colorize(source, target, given.points)
            results[name] = {
                "seconds": round(seconds, 1),
                "peak_mib": round(peak),
                "input_mib": round(source.stat().st_size / 2**20),
                "output_mib": round(target.stat().st_size / 2**20),
            }
            source.unlink()
            target.unlink()
    result = {
        "benchmark": "large_scans",
        "side": side,
        "points": given.points,
        "idle_mib": round(idle),
        "scans": results,
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
