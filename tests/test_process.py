"""What koala changes in its process does what it is for."""

import platform
import subprocess
import sys

import pytest

PAGES = """
import resource, sys
import numpy as np
from koalacli.process import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
for turn in range(20):
    planes = [np.ones(60_000) for _ in range(12)]  # of a small picture; they are freed together
    before = before if turn else resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such switch")
def test_memory_of_small_pictures_is_not_paged_in_anew_for_each() -> None:
    """A process that keeps what it freed meets a fraction of the page faults."""
    run = [subprocess.run([sys.executable, "-c", PAGES, how], capture_output=True, check=True) for how in ("", "keep")]
    plain, kept = (int(one.stdout) for one in run)
    assert kept < plain / 5
