"""What is begun is named in the journal first, so that a rerun knows what a killed run has made."""

from collections.abc import Iterable, Iterator
from itertools import islice

from koalacli.control.bind import digest_of
from koalacli.io.paths import Job
from koalacli.journal import Journal
from koalacli.journal_lines import Beginning

FIRST_GROUP, LARGEST_GROUP = 256, 2048  # jobs named in one line; a line is a request where the journal is in a store


def announced(jobs: Iterable[Job], journal: Journal) -> Iterator[Job]:
    """The same jobs, each named in the journal before it is handed on."""
    source, size = iter(jobs), FIRST_GROUP
    while group := list(islice(source, size)):
        journal.begin(Beginning(job.target, job.stamp(), digest_of(job), job.source) for job in group)
        yield from group
        size = min(2 * size, LARGEST_GROUP)
