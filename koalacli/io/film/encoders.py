"""Tables of encoders: what containers hold, how quality is called, and which codecs are masters."""

from typing import Any

import av

from koalacli.errors import UsageError

# Container by suffix, and the codec that is usual in it.
CONTAINERS: dict[str, tuple[str, str]] = {
    **dict.fromkeys((".mp4", ".m4v", ".3gp"), ("mp4", "libx264")),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
    ".avi": ("avi", "libx264"),
    **dict.fromkeys((".ts", ".m2ts", ".mts"), ("mpegts", "libx264")),
    ".flv": ("flv", "libx264"),
    ".mxf": ("mxf", "libx264"),
    ".nut": ("nut", "ffv1"),
}
OTHERWISE = ".mkv"  # for sources in containers that koala does not write
LARGEST_CRF = {"libx264": 51, "libx265": 51}  # 63 in all others
# How each codec calls quality and speed; {} takes the value of --crf or --encoder-preset.
QUALITY_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "{crf}", "preset": "{preset}"},
    "libx265": {"crf": "{crf}", "preset": "{preset}", "x265-params": "log-level=none"},
    "libsvtav1": {"crf": "{crf}", "preset": "{preset}"},
    "libvpx-vp9": {"crf": "{crf}", "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"},
    "libaom-av1": {"crf": "{crf}", "cpu-used": "6"},
    "ffv1": {"level": "3", "slicecrc": "1"},
}
USUAL_PRESET = {"libx264": "medium", "libx265": "medium", "libsvtav1": "8"}
RATE_KEYS = {"qp", "b", "crf", "lossless", "global_quality", "q"}  # any of these replaces --crf
INTERLACED_FLAGS = "+ildct+ilme"

SOURCE = "source"  # --codec: as the source is encoded
LOSSLESS = "ffv1"  # for what is lossless in a codec that nothing encodes
# Masters, by decoder: what scanners, editors and archives write. They stay what they are unless another codec is asked
# for; encoders in the order in which they are tried.
MASTERS: dict[str, tuple[str, ...]] = {
    **{name: (name, LOSSLESS) for name in ("ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv")},
    "prores": ("prores_ks", LOSSLESS),
    "dnxhd": ("dnxhd", LOSSLESS),
    "cfhd": ("cfhd", LOSSLESS),
    "jpeg2000": (LOSSLESS,),
}
MASTER_CONTAINERS = ("mov", "matroska", "avi", "mxf", "nut")
# Profile of the encoder by the source's; "" stands for all others.
MASTER_PROFILES: dict[str, dict[str, str]] = {
    "prores_ks": {
        **{"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444", "XQ": "4444xq"},
        "": "auto",
    },
    "dnxhd": {
        **{"DNXHR LB": "dnxhr_lb", "DNXHR SQ": "dnxhr_sq", "DNXHR HQ": "dnxhr_hq"},
        **{"DNXHR HQX": "dnxhr_hqx", "DNXHR 444": "dnxhr_444"},
        "": "dnxhr_hq",
    },
}


def find_encoder(codec: str) -> Any:
    """A video encoder by its name, or by its codec's: h264 finds libx264.

    Raises:
        UsageError: there is none.
    """
    try:
        encoder = av.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError as error:
        raise UsageError(f"--codec {codec}: there is no such encoder (usual: {', '.join(QUALITY_OPTIONS)})") from error
    if encoder.type != "video":
        raise UsageError(f"--codec {codec}: this is no video encoder")
    return encoder


def is_for_masters(suffix: str) -> bool:
    """Whether a container is one that masters are kept in, rather than one to show films from."""
    return CONTAINERS[suffix][0] in MASTER_CONTAINERS


def master_encoders(codec: str, lossless: bool) -> tuple[str, ...]:
    """Encoders that keep what a decoder's codec keeps, best first; none for codecs that films are shown in."""
    return MASTERS.get(codec, (LOSSLESS,) if lossless else ())


def loses_nothing(codec: str, options: dict[str, str], depth: int) -> bool:
    """Whether an encoder with these options gives back what it takes."""
    encoder = av.Codec(codec, "w")
    exact = options.get("qp") == "0" or "1" in (options.get("lossless"), options.get("aom-lossless"))
    return (
        exact
        or (encoder.lossless and not encoder.lossy)
        or (codec == "libx264" and options.get("crf") == "0" and depth == 8)
    )
