"""No command touches the network: the system itself ends who tries."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
# A seccomp filter for x86-64 and AArch64: connect() and sendto(), of whatever family, kill the process.
GUARD = """
import ctypes, platform, struct, sys, runpy
connect, sendto = {"x86_64": (42, 44), "aarch64": (203, 206)}[platform.machine()]
load, equal, end = 0x20, 0x15, 0x06
steps = [(load, 0, 0, 0), (equal, 1, 0, connect), (equal, 0, 1, sendto)]
steps += [(end, 0, 0, 0x80000000), (end, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None)
word = ctypes.c_ulong
if libc.prctl(38, word(1), word(0), word(0), word(0)) or libc.prctl(22, word(2), program, word(0), word(0)):
    sys.exit(77)
if sys.argv[1] == "probe":
    import socket
    socket.socket().connect(("127.0.0.1", 9))
else:
    runpy.run_module("koalacli", run_name="__main__", alter_sys=True)
"""
COMMANDS = {
    "colorize": ["colorize", "in", "out", "--colored", "recolor"],  # else what is in color is copied by no network
    "eval": ["eval", "--data", "in", "--limit", "1", "--size", "64"],
    "video": ["video", "film.gif", "--size", "64"],
    "train": ["train", "--data", "in", "--image-size", "64", "--batch-size", "2", "--steps", "1", "--workers", "1"],
}


def guarded(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that dies by SIGSYS at the first attempt to reach anybody."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", GUARD, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in color, and an animation."""
    if sys.platform != "linux":
        pytest.skip("seccomp is Linux's")
    made = tmp_path_factory.mktemp("offline")
    (made / "in").mkdir()
    rng = np.random.default_rng(0)
    frames = []
    for number in range(4):
        cells = rng.integers(0, 255, (6, 6, 3), np.uint8)
        pixels = np.kron(cells, np.ones((16, 16, 1), np.uint8))
        Image.fromarray(pixels).save(made / "in" / f"{number}.png")
        frames.append(Image.fromarray(pixels).convert("L"))
    frames[0].save(made / "film.gif", save_all=True, append_images=frames[1:], duration=100)
    return made


def test_the_guard_bites(folder: Path) -> None:
    """A connection kills the process: what follows would be seen."""
    done = guarded(["probe"], folder)
    if done.returncode == 77:
        pytest.skip("needs the right to filter system calls")
    assert done.returncode == -31


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_reaches_out(folder: Path, name: str) -> None:
    """Every command, from its start to its end, with the real network."""
    done = guarded(COMMANDS[name], folder)
    if done.returncode == 77:
        pytest.skip("needs the right to filter system calls")
    assert done.returncode == 0, done.stderr[-2000:]
