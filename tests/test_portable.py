"""koala imports and colors where there is no POSIX, as on Windows."""

import subprocess
import sys
from pathlib import Path

WITHOUT_POSIX = """
import os, signal, sys
import contextlib, socket, subprocess, time

for name in ("fcntl", "grp", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "getgid", "mkfifo", "O_NOFOLLOW", "O_NONBLOCK", "killpg", "setsid", "chown"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGALRM", "SIGUSR1", "SIGTSTP", "SIGPIPE"):
    delattr(signal, name)

class Locks:
    LK_NBLCK = LK_UNLCK = LK_LOCK = 0
    locking = staticmethod(lambda *arguments: None)

sys.modules["msvcrt"], here, sys.platform = Locks, sys.platform, "win32"
import koalacli.io.locks
sys.platform = here
del sys.modules["msvcrt"]
import koalacli.cli.app, koalacli.pipelines.colorize, koalacli.pipelines.watch, koalacli.pipelines.export
import koalacli.pipelines.video.pipeline, koalacli.pipelines.archive.verify, koalacli.pipelines.archive.revert
from koalacli.config import ColorizeConfig
from koalacli.engines.local import LocalEngine
from koalacli.pipelines.colorize import colorize
from koalacli.process import catch_interrupts
from pathlib import Path
from standin import StandIn

catch_interrupts()
source, target = sys.argv[1:]
found = list(colorize(source, target, ColorizeConfig(), StandIn(Path(target).parent)))
print(found[-1].outcome)
"""


def test_a_picture_is_colored_without_what_only_posix_has(tmp_path: Path, examples: list[Path]) -> None:
    """Modules, functions and signals that Windows lacks are taken away first."""
    command = [sys.executable, "-c", WITHOUT_POSIX, str(examples[0]), str(tmp_path / "color.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    assert done.stdout.strip() == "done", done.stderr[-2000:]
    assert (tmp_path / "color.jpg").exists()
