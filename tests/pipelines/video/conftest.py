"""Small films made on the spot, and how films are compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from painter import Painter
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import VideoConfig
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.records import Record


@dataclass
class FilmRecipe:
    """What to put into a generated film; the picture is a photograph-like pattern that moves."""

    width: int = 96
    height: int = 64
    pts: list[int] = field(default_factory=lambda: list(range(0, 20 * 40, 40)))
    time_base: Fraction = Fraction(1, 1000)
    rate: int = 25
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "crf": "20"})
    audio: int = 1
    subtitles: str = ""  # srt, mov_text or ass
    chapters: bool = False
    sample_aspect: Fraction = Fraction(1)
    rotation: int = 0
    tags: tuple[int, int, int, int] = (2, 2, 2, 0)  # matrix, primaries, transfer, range
    cover: bool = False
    attachment: bool = False
    color: bool = False
    toned: bool = False
    cut_at: int = 10**9  # frame with which another scene begins
    audio_codec: str = "aac"


def draw(recipe: FilmRecipe, number: int) -> np.ndarray:
    """An rgb frame: soft blobs that drift, others after the cut."""
    seed = 1 if number < recipe.cut_at else 2
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    big = cv2.resize(noise, (recipe.width + 64, recipe.height), interpolation=cv2.INTER_CUBIC)
    frame = big[:, number % 32 : number % 32 + recipe.width]
    if not recipe.color:
        frame = np.repeat(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if recipe.toned:
        frame = (frame * np.array((1, 0.85, 0.65))).astype(np.uint8)  # sepia
    return np.ascontiguousarray(frame)


def write_film(path: Path, recipe: FilmRecipe) -> Path:
    """Write the film; the container follows from the suffix."""
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "A walk"
        stream = output.add_stream(
            recipe.codec, rate=recipe.rate, options=recipe.options, width=recipe.width, height=recipe.height
        )
        context = stream.codec_context
        context.pix_fmt, context.time_base = recipe.pix_fmt, recipe.time_base
        context.sample_aspect_ratio = recipe.sample_aspect
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = recipe.tags
        if recipe.rotation:
            stream.set_display_rotation(recipe.rotation)
        voices = []
        for number in range(recipe.audio):
            voice = output.add_stream(recipe.audio_codec, rate=48000)
            voice.metadata["language"] = ("eng", "deu")[number % 2]
            voices.append(voice)
        text = None
        if recipe.subtitles:
            text = output.add_stream(recipe.subtitles)
            text.codec_context.subtitle_header = SUBTITLE_HEADER
            text.time_base = text.codec_context.time_base = Fraction(1, 1000)
            text.metadata["language"] = "deu"
        if recipe.attachment:
            output.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font" * 10)
        if recipe.chapters:
            part = {"time_base": Fraction(1, 1000), "metadata": {"title": "one"}}
            output.set_chapters(
                [{"id": 1, "start": 0, "end": 300, **part}, {"id": 2, "start": 300, "end": 800, **part}]
            )
        cover = None
        if recipe.cover:
            cover = output.add_stream("mjpeg", width=32, height=32)
            cover.codec_context.pix_fmt = "yuvj420p"
            cover.codec_context.time_base = Fraction(1, 25)
            cover.disposition = av.stream.Disposition.attached_pic
        output.start_encoding()
        if cover is not None:
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), "rgb24").reformat(
                format="yuvj420p"
            )
            picture.pts = 0
            output.mux([*cover.encode(picture), *cover.encode(None)])
        if text is not None:
            for start in (0, 300):
                event = av.subtitles.subtitle.SubtitleSet.create(
                    text=f"{start},0,Default,,0,0,0,,line {start}".encode(), start=0, end=200, pts=start
                )
                packet = text.codec_context.encode_subtitle(event)
                packet.pts = packet.dts = start
                packet.duration, packet.time_base, packet.stream = 200, Fraction(1, 1000), text
                output.mux(packet)
        for number, pts in enumerate(recipe.pts):
            frame = av.VideoFrame.from_ndarray(draw(recipe, number), "rgb24")
            frame = frame.reformat(format=recipe.pix_fmt, dst_colorspace=5, dst_color_range=1)
            frame.pts, frame.time_base = pts, recipe.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        seconds = float((recipe.pts[-1] + 40) * recipe.time_base) if recipe.pts else 0.2
        for voice in voices:
            sound(output, voice, seconds)
    return path


def sound(output: Any, voice: Any, seconds: float) -> None:
    """A tone of the given length."""
    for place in range(0, int(seconds * 48000), 1024):
        wave = np.sin(np.arange(place, place + 1024) / 20).astype(np.float32) * 0.2
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, place, Fraction(1, 48000)
        output.mux(voice.encode(frame))
    output.mux(voice.encode(None))


SUBTITLE_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize\r\n"
    b"Style: Default,Arial,16\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, "
    b"MarginV, Effect, Text\r\n"
)


@dataclass
class Contents:
    """What a film holds: decoded frames of one stream, packets of all others."""

    times: list[Fraction]
    luma: list[np.ndarray]
    cbcr: list[np.ndarray]
    packets: dict[int, list[tuple[Fraction | None, bytes]]]
    streams: list[tuple[str, str, str, int]]
    chapters: list[tuple[float, float, str]]
    metadata: dict[str, str]
    size: tuple[int, int]
    tags: tuple[int, int, int, int]
    sample_aspect: Fraction
    rotation: int
    pix_fmt: str


def read_film(path: Path, index: int | None = None) -> Contents:
    """Decode the stream of the given index (the film's picture by default) and list all else."""
    cover = av.stream.Disposition.attached_pic
    with av.open(str(path)) as container:
        films = [stream for stream in container.streams.video if not stream.disposition & cover]
        picture = container.streams[index] if index is not None else films[0]
        frames, packets = [], {stream.index: [] for stream in container.streams if stream is not picture}
        for packet in container.demux():
            if packet.stream is picture:
                frames += packet.decode()
            elif packet.size:
                when = None if packet.pts is None else packet.pts * packet.time_base
                packets[packet.stream.index].append((when, bytes(packet)))
        context = picture.codec_context
        return Contents(
            times=[frame.pts * frame.time_base for frame in frames],
            luma=[plane_of(frame, 0) for frame in frames],
            cbcr=[
                np.stack([plane_of(frame, number) for number in (1, 2)]) for frame in frames if len(frame.planes) > 2
            ],
            packets=packets,
            streams=[
                (
                    stream.type,
                    stream.codec_context.name if stream.codec_context else "",
                    stream.language or "",
                    int(stream.disposition),
                )
                for stream in container.streams
            ],
            chapters=[
                (
                    float(one["start"] * one["time_base"]),
                    float(one["end"] * one["time_base"]),
                    one["metadata"].get("title", ""),
                )
                for one in container.chapters()
            ],
            metadata=dict(container.metadata),
            size=(context.width, context.height),
            tags=(context.colorspace, context.color_primaries, context.color_trc, context.color_range),
            sample_aspect=picture.sample_aspect_ratio or Fraction(1),
            rotation=round(frames[0].rotation) if frames else 0,
            pix_fmt=context.format.name,
        )


def plane_of(frame: Any, number: int) -> np.ndarray:
    """A plane of a decoded frame without padding, copied."""
    plane = frame.planes[number]
    dtype = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    samples = np.frombuffer(plane, dtype).reshape(plane.height, -1)
    return samples[:, : plane.width].copy()


@pytest.fixture(scope="session")
def colorizer() -> Painter:
    """Colors without a network."""
    return Painter()


@pytest.fixture(scope="session")
def network() -> Any:
    """The shipped weights, looking at a small picture."""
    from koalacli import Colorizer

    return Colorizer(device="cpu", size=64)


@pytest.fixture
def run(colorizer: Painter) -> Callable[..., tuple[int, str]]:
    """`koala video` without a network: exit code and all that was said, of run(path, "--start", "1", ...)."""

    def invoke(*arguments: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["video", *map(str, arguments)], obj=colorizer)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return invoke


@pytest.fixture(scope="session", name="write_film")
def write_film_fixture() -> Callable[..., Path]:
    """Write a film anywhere: write_film(path, audio=2, ...)."""
    return lambda path, **settings: write_film(path, FilmRecipe(**settings))


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Write a film: film("name.mkv", audio=2, ...)."""

    def make(name: str, **settings: Any) -> Path:
        return write_film(tmp_path / name, FilmRecipe(**settings))

    return make


@pytest.fixture
def long_film(film: Callable[..., Path]) -> Callable[..., Path]:
    """Write a film of several segments with a cut: long_film("name.mkv", audio=0, ...)."""
    return partial(film, pts=list(range(0, 40 * 90, 40)), cut_at=50, width=128, height=96)


@pytest.fixture
def finish(colorizer: Any) -> Callable[..., Record]:
    """Color a film into out.mp4 beside it, to the end: finish(source, start="1", ...)."""

    def run(source: Path, **settings: Any) -> Record:
        config = VideoConfig(**{"crf": 12, "encoder_preset": "ultrafast", **settings})
        *_, record = colorize_film(FilmJob(str(source), str(source.with_name("out.mp4"))), config, colorizer)
        assert isinstance(record, Record)
        return record

    return run


@pytest.fixture(scope="session")
def contents() -> Callable[..., Contents]:
    """Read a film back."""
    return read_film
