"""Which files are pictures or films by their names."""

from pathlib import Path

from koalacli.io.picture.codecs import CODECS, EXTRAS

FILM_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob"),
    *(".wmv", ".asf", ".flv", ".ogv", ".3gp", ".mxf", ".nut"),
)
PICTURE_SUFFIXES = tuple(suffix for codec in CODECS.values() for suffix in codec.suffixes)
# Bare streams and rare containers: read where they are given by name, only named where a folder holds them.
OTHER_FILM_SUFFIXES = (
    *(".dv", ".y4m", ".m2v", ".m1v", ".h264", ".264", ".h265", ".hevc", ".mod", ".tod", ".dat", ".rm", ".rmvb"),
    *(".divx", ".f4v", ".m2t", ".3g2", ".ogm", ".gxf", ".ivf", ".mjpg"),
)


def is_film(path: Path) -> bool:
    """Whether a file is a film by its name."""
    return path.suffix.lower() in FILM_SUFFIXES


def is_medium(path: Path) -> bool:
    """Whether a file is a picture or a film by its name, also of a kind that this koala cannot read."""
    return path.suffix.lower() in (*PICTURE_SUFFIXES, *EXTRAS, *FILM_SUFFIXES, *OTHER_FILM_SUFFIXES)
