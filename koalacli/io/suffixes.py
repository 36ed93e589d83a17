"""Which files are pictures or films by their names."""

from pathlib import Path

from koalacli.io.picture.codecs import CODECS, EXTRAS

# Names that other programs give to files of their own, too: in a folder, such a file is a film if it opens as one.
DOUBTFUL_SUFFIXES = (".dat", ".mod", ".tod", ".mpv", ".dif", ".avc", ".obu", ".rm")
FILM_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".ts", ".m2t", ".m2ts", ".mts", ".trp"),
    *(".mpg", ".mpeg", ".mpe", ".vob", ".vro", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".ogm", ".3gp", ".3g2"),
    *(".mxf", ".gxf", ".nut", ".rmvb", ".dv", ".y4m", ".m1v", ".m2v", ".h264", ".264", ".h265", ".265", ".hevc"),
    *(".ivf", ".mjpg"),
)
PICTURE_SUFFIXES = tuple(suffix for codec in CODECS.values() for suffix in codec.suffixes)


def is_film(path: Path) -> bool:
    """Whether a file is a film by its name."""
    return path.suffix.lower() in (*FILM_SUFFIXES, *DOUBTFUL_SUFFIXES)


def is_medium(path: Path) -> bool:
    """Whether a file is a picture or a film by its name, also of a kind that this koala cannot read."""
    return path.suffix.lower() in (*PICTURE_SUFFIXES, *EXTRAS, *FILM_SUFFIXES, *DOUBTFUL_SUFFIXES)
