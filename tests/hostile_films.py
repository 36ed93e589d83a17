"""Small films of many containers and codecs, their damaged copies, and films whose headers lie."""

import io
import struct
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT, FRAMES = 96, 64, 12
Maker = Callable[[], bytes]


def film(container: str, codec: str, pixel_format: str = "yuv420p", *, sound: bool = False, gap: int = 1) -> bytes:
    """A dozen gray frames; `gap` is how many frames' time passes from one to the next."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25, width=WIDTH, height=HEIGHT)
        stream.codec_context.pix_fmt = pixel_format
        stream.options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        voice = output.add_stream("pcm_s16le" if container == "avi" else "aac", rate=44100) if sound else None
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        for number in range(FRAMES):
            gray = ((columns * 2 + rows + number * 5) % 256).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, "gray").reformat(format=pixel_format)
            frame.pts, frame.time_base = number * gap, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if voice:
            wave = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
            wave.sample_rate, wave.pts = 44100, 0
            output.mux([*voice.encode(wave), *voice.encode(None)])
    return buffer.getvalue()


def patched(mark: bytes, distance: int, new: bytes) -> bytes:
    """An MP4 with other bytes at some distance behind a mark."""
    data = FILMS["h264.mp4"]()
    at = data.index(mark) + distance
    return data[:at] + new + data[at + len(new) :]


def joined(*names: str) -> bytes:
    """Files one behind the other."""
    return b"".join(FILMS[name]() for name in names)


FILMS: dict[str, Maker] = {
    "h264.mp4": lambda: film("mp4", "libx264"),
    "sound.mp4": lambda: film("mp4", "libx264", sound=True),
    "h265.mp4": lambda: film("mp4", "libx265"),
    "mpeg4.mov": lambda: film("mov", "mpeg4"),
    "prores.mov": lambda: film("mov", "prores_ks", "yuv422p10le"),
    "ffv1.mkv": lambda: film("matroska", "ffv1"),
    "gray16.mkv": lambda: film("matroska", "ffv1", "gray16le"),
    "vp9.webm": lambda: film("webm", "libvpx-vp9"),
    "mjpeg.avi": lambda: film("avi", "mjpeg", "yuvj420p"),
    "huffyuv.avi": lambda: film("avi", "huffyuv", "yuv422p", sound=True),
    "h264.ts": lambda: film("mpegts", "libx264"),
    "mpeg2.mpg": lambda: film("mpeg", "mpeg2video"),
    "mpeg2.m2v": lambda: film("mpeg2video", "mpeg2video"),
    "h264.h264": lambda: film("h264", "libx264"),
    "raw.y4m": lambda: film("yuv4mpegpipe", "wrapped_avframe"),
    "flv1.flv": lambda: film("flv", "flv"),
    "ffv1.nut": lambda: film("nut", "ffv1"),
}
HOSTILE_FILMS: dict[str, Maker] = {
    "long.mp4": lambda: patched(b"mdhd", 20, b"\x7f\xff\xff\xff"),
    "timeless.mp4": lambda: patched(b"mdhd", 16, bytes(4)),
    "samples.mp4": lambda: patched(b"stsz", 12, struct.pack(">I", 1 << 31)),
    "times.mp4": lambda: patched(b"stts", 12, struct.pack(">I", 1)),
    "delta.mp4": lambda: patched(b"stts", 16, struct.pack(">I", 1 << 31)),
    "chunks.mp4": lambda: patched(b"stco", 12, b"\xff\xff\xff\xf0"),
    "large.mp4": lambda: patched(b"avc1", 28, struct.pack(">HH", 16_384, 16_384)),
    "encrypted.mp4": lambda: patched(b"avc1", 0, b"encv"),
    "edits.mp4": lambda: patched(b"elst", 12, struct.pack(">II", 1 << 31, (1 << 31) - 1)),
    "box.mp4": lambda: patched(b"moov", -4, struct.pack(">I", 1 << 31)),
    "turned.mp4": lambda: patched(b"tkhd", 44, b"\xff" * 36),
    "hole.mkv": lambda: film("matroska", "ffv1", gap=90_000),
    "twice.ts": lambda: joined("h264.ts", "h264.ts"),
    "twice.mp4": lambda: joined("h264.mp4", "h264.mp4"),
    "two-kinds.ts": lambda: joined("h264.ts", "mpeg2.mpg"),
    "mjpeg.mp4": lambda: FILMS["mjpeg.avi"](),
    "list.mp4": lambda: b"ffconcat version 1.0\nfile /etc/passwd\nfile http://127.0.0.1:9/x.mp4\n",
    "list.mkv": lambda: b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    "page.mov": lambda: b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>',
    "words.avi": lambda: b"only words\n" * 500,
    "nothing.mp4": lambda: b"",
    "zeros.mkv": lambda: bytes(5_000),
}
