"""One picture of a data set: decode it, judge whether it can teach color, cut and weather it.

What the network sees is always a gray version of the picture, never its color: `lightness`
is made first, and everything that old film does happens to it alone.
"""

import cv2
import numpy as np

from koalacli.arrays import Array, Rgb8
from koalacli.color.lab import LUMA_REC601, luminance_to_lightness, srgb_to_linear
from koalacli.color.tone import PROBE_SIDE, color_beyond_tint
from koalacli.tables import Augmentation

SMALLEST_SIDE = 48  # pixels; below, a picture is a thumbnail of a thumbnail
LEAST_COLOR = 1.5  # standard deviation of ab beyond a tint, CIELAB units; below, a picture is gray or toned
ORTHOCHROMATIC = np.array([0.03, 0.57, 0.40], np.float32)  # early film: nearly blind for red


class UnusableError(Exception):
    """A picture that cannot teach color; the message says why. It is counted, not fatal."""


def decode(content: bytes) -> Rgb8:
    """rgb8 (H, W, 3), orientation applied.

    Raises:
        UnusableError: corrupt, tiny, or without color.
    """
    try:
        bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error as error:
        raise UnusableError(f"corrupt ({error.err})") from error
    if bgr is None:
        raise UnusableError("corrupt, or not a picture")
    if min(bgr.shape[:2]) < SMALLEST_SIDE:
        raise UnusableError(f"tiny ({bgr.shape[1]} x {bgr.shape[0]})")
    rgb8 = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    probe = cv2.resize(rgb8, (PROBE_SIDE, PROBE_SIDE), interpolation=cv2.INTER_AREA)
    if color_beyond_tint(to_lab(probe)) < LEAST_COLOR:
        raise UnusableError("gray, or a single tint")
    return np.asarray(rgb8, np.uint8)


def to_lab(rgb8: Rgb8) -> Array:
    """CIELAB float32 (H, W, 3) of rgb8; OpenCV's, within 0.4 of `color.lab` and ten times as fast."""
    return np.asarray(cv2.cvtColor(rgb8.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2Lab), np.float32)


def cut(rgb8: Rgb8, size: int, augmentation: Augmentation, rng: np.random.Generator) -> Rgb8:
    """A square of size pixels: random crop, flip, turn and shear, or the middle where nothing is random."""
    height, width = rgb8.shape[:2]
    short = min(height, width)
    side = short * rng.uniform(augmentation.smallest_crop, 1.0)
    random = augmentation != Augmentation()
    x = (width - side) * (rng.random() if random else 0.5)
    y = (height - side) * (rng.random() if random else 0.5)
    if augmentation.turn or augmentation.shear:
        square = _warp(rgb8, (x, y, side), size, augmentation, rng)
    else:
        left, top, edge = int(x), int(y), max(1, round(side))
        crop = rgb8[top : top + edge, left : left + edge]
        shrinks = edge > size
        square = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    if augmentation.flip and rng.random() < 0.5:
        square = square[:, ::-1]
    return np.ascontiguousarray(square)


def _warp(
    rgb8: Rgb8, box: tuple[float, float, float], size: int, augmentation: Augmentation, rng: np.random.Generator
) -> Rgb8:
    x, y, side = box
    angle = np.deg2rad(rng.uniform(-augmentation.turn, augmentation.turn))
    slant = np.tan(np.deg2rad(rng.uniform(-augmentation.shear, augmentation.shear)))
    linear = np.array([[np.cos(angle), -np.sin(angle) + slant], [np.sin(angle), np.cos(angle)]]) * (side / size)
    middle = np.array([x + side / 2, y + side / 2]) - linear @ np.array([size / 2, size / 2])
    matrix = np.column_stack([linear, middle])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(rgb8, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def weather(rgb8: Rgb8, lightness: Array, augmentation: Augmentation, rng: np.random.Generator) -> Array:
    """The gray version as an old photograph might have it.

    Args:
        rgb8: (H, W, 3), used only where another channel mix is drawn.
        lightness: its L*, float32 (H, W).
        augmentation: how much.
        rng: source of chance; the same one gives the same result.

    Returns:
        float32 (H, W, 1), L* 0..100.
    """
    if rng.random() < augmentation.mix:
        kind = LUMA_REC601 if rng.random() < 0.3 else _random_mix(rng)
        gray = (rgb8.astype(np.float32) @ kind) * np.float32(1 / 255)
        lightness = _lightness_of_gray(gray)
    if augmentation.tone:
        gamma = np.exp(rng.normal(0, augmentation.tone))
        low, high = rng.uniform(0, 0.06), rng.uniform(0.94, 1.0)
        share = np.maximum(lightness * np.float32(0.01), 0) ** np.float32(gamma)
        lightness = np.float32(100) * (np.float32(low) + share * np.float32(high - low))
    if rng.random() < augmentation.blur:
        lightness = cv2.GaussianBlur(lightness, (0, 0), rng.uniform(0.4, 1.2))
    if augmentation.grain:
        deviation = augmentation.grain * rng.random() ** 2  # mostly little, sometimes a lot
        lightness = lightness + rng.standard_normal(lightness.shape, np.float32) * np.float32(deviation)
    lightness = np.clip(lightness, 0, 100)
    if rng.random() < augmentation.jpeg:
        lightness = _through_jpeg(lightness, int(rng.integers(30, 90)))
    return np.ascontiguousarray(lightness, np.float32)[..., None]


def _random_mix(rng: np.random.Generator) -> Array:
    """Something between the eye's weights, orthochromatic film, and a filter of any color."""
    extreme = ORTHOCHROMATIC if rng.random() < 0.5 else rng.dirichlet((1.0, 1.5, 0.7)).astype(np.float32)
    share = np.float32(rng.random())
    return ((1 - share) * LUMA_REC601 + share * extreme).astype(np.float32)


_GRAY_LEVELS = 4096


def _gray_table() -> Array:
    return luminance_to_lightness(srgb_to_linear(np.linspace(0, 1, _GRAY_LEVELS, dtype=np.float32)))


_LIGHTNESS_OF_GRAY = _gray_table()


def _lightness_of_gray(gray: Array) -> Array:
    """L* of gamma-encoded gray 0..1, by table, within 0.02."""
    index = np.clip(gray * np.float32(_GRAY_LEVELS - 1) + np.float32(0.5), 0, _GRAY_LEVELS - 1)
    return _LIGHTNESS_OF_GRAY[index.astype(np.int32)]


def _through_jpeg(lightness: Array, quality: int) -> Array:
    # L* is nearly gamma-encoded gray, so its artifacts are those of a gray JPEG.
    level = np.rint(lightness * np.float32(2.55)).astype(np.uint8)
    _, content = cv2.imencode(".jpg", level, (cv2.IMWRITE_JPEG_QUALITY, quality))
    decoded = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    return np.asarray(decoded, np.float32) * np.float32(1 / 2.55)
