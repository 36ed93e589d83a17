"""`manifest-sha256.txt`: digests of outputs, as `sha256sum -c` checks them, with those of their sources as comments."""

import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from koalacli.errors import InputError, UsageError
from koalacli.io.files import write_file
from koalacli.io.side_outputs import check_side_outputs

MANIFEST = "manifest-sha256.txt"
_DIGEST = 64  # hexadecimal digits


def write_manifest(folder: Path, lines: Iterable[tuple[str, str, str, str]]) -> None:
    """Write the manifest of a folder: an output's line, and above it one, behind a #, of what it was made of.

    Args:
        folder: the names are relative to it.
        lines: output, its digest, source, its digest; names with slashes, digests hexadecimal.

    Raises:
        StorageFullError, OutputError: as `write_file`.
    """
    text = [
        b"# %s  %s\n%s" % (source_digest.encode(), _escaped(source)[1], _line(digest, name))
        for name, digest, source, source_digest in sorted(lines)
    ]
    write_file(folder / MANIFEST, b"".join(text))


def check_manifest(folder: Path) -> None:
    """Refuse to replace a manifest that somebody else has made, as archives keep them under the same name.

    Raises:
        UsageError: there is one, or something that is no ordinary file.
    """
    path = folder / MANIFEST
    check_side_outputs({"--manifest": str(path)}, [])
    lines = path.read_bytes().splitlines() if path.is_file() else []
    sourceless = any(not before.startswith(b"# ") for before, line in pairwise([b"", *lines]) if line[:1] != b"#")
    if sourceless:
        raise UsageError(f"--manifest {path}: is there and not koala's; move it, or choose another folder")


def read_manifest(folder: Path) -> dict[str, str]:
    """Digest by name of the outputs; nothing where there is no manifest.

    Raises:
        InputError: it is no manifest.
    """
    try:
        lines = (folder / MANIFEST).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        if line.startswith(b"#"):
            continue
        escaped = line.startswith(b"\\")
        digest, name = line.removeprefix(b"\\").partition(b"  ")[::2]
        if len(digest) != _DIGEST or not name:
            raise InputError(f"{folder / MANIFEST}: a line is no digest and name: {os.fsdecode(line)}")
        if escaped:
            name = name.replace(b"\\\\", b"\0").replace(b"\\n", b"\n").replace(b"\\r", b"\r").replace(b"\0", b"\\")
        found[os.fsdecode(name)] = digest.decode("ascii", "replace")
    return found


def _line(digest: str, name: str) -> bytes:
    mark, text = _escaped(name)
    return mark + digest.encode() + b"  " + text + b"\n"


def _escaped(name: str) -> tuple[bytes, bytes]:
    """As coreutils write a name that would break the line: a backslash in front of the whole line says so."""
    text = os.fsencode(name)
    told = text.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"\\" * (told != text), told
