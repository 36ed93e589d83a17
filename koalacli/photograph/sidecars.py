"""XMP files beside a picture: `name.jpg.xmp` or `name.xmp`. They go along with it.

Their text stays as it is, but for what is true no more: that the picture is turned, where it has been put upright.
"""

from contextlib import suppress
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.errors import InputError
from koalacli.io.arguments import STREAM
from koalacli.io.files import write_file
from koalacli.io.paths import Job, sidecars_of
from koalacli.io.picture.read import read_bytes
from koalacli.io.picture.xmp import upright
from koalacli.io.storage import is_remote


def carry_sidecars(job: Job, config: ColorizeConfig, *, turned: bool) -> list[str]:
    """Put an input's sidecars beside its output; returns remarks on those that stay behind.

    Args:
        job: an input and its output.
        config: strip_metadata leaves them out.
        turned: whether the output is upright whatever the input was.

    Raises:
        OutputError: one cannot be written.
    """
    if job.source == STREAM or is_remote(job.source) or is_remote(job.target):
        return []
    source, target = Path(job.source), Path(job.target)
    remarks = []
    for sidecar in sidecars_of(source):
        if config.strip_metadata or job.target == STREAM:
            remarks.append(f"{sidecar.name} beside it is left out")
            continue
        if sidecar.is_symlink() and not config.follow_links:
            remarks.append(f"{sidecar.name} beside it is left out: a link; see --follow-links")
            continue
        beside = target.with_name(f"{target.name if sidecar.stem == source.name else target.stem}{sidecar.suffix}")
        try:
            content = read_bytes(sidecar)
        except (OSError, InputError) as error:
            remarks.append(f"{sidecar.name} beside it is left out: cannot be read ({error})")
            continue
        if turned:
            with suppress(InputError):  # no XMP: it goes along all the same
                content = upright(content)
        if beside.exists() and beside.samefile(sidecar):
            continue
        if config.on_exist != "overwrite" and _differs(beside, content):
            remarks.append(f"{beside.name} is there with other content and stays (--on-exist overwrite replaces it)")
        else:
            write_file(beside, content)
    return remarks


def _differs(path: Path, content: bytes) -> bool:
    """Whether something else than this content is there."""
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return False
    except OSError:
        return True
