"""Encoders and decoders of the family around the 2017 network, as plans and plain functions.

Sources: Baldassarre et al. 2017 and its code (plans in `network`); E. Wallner, Coloring greyscale images (2017);
Zhang, Isola, Efros 2016 and its code; C. Ponce ("Kriztoper"), a fork of the 2017 code with a refinement. What
each original does wrong, and what is different here, stands in docs/family.md.
"""

from keras import layers, ops

from koalacli.arrays import Tensor
from koalacli.model.layers import BatchNorm, DoubleSmoothly, convolve, widen
from koalacli.presets import NetworkConfig

Plan = tuple[int | str, ...]
EncoderPlan = tuple[tuple[int, int], ...]  # filters, stride

ALPHA_ENCODER: EncoderPlan = ((8, 2), (8, 1), (16, 1), (16, 2), (32, 1), (32, 2))
BETA_ENCODER: EncoderPlan = ((64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1))
ALPHA_DECODER: Plan = ("up", 32, "up", 16, "up")
BETA_DECODER: Plan = (256, 128, "up", 64, "up", 32)


def encode_plain(plan: EncoderPlan, x: Tensor, config: NetworkConfig) -> dict[int, Tensor]:
    """Plain convolutions as listed; the last one's output by the stride that all of them make."""
    total = 1
    for number, (filters, stride) in enumerate(plan, 1):
        x = convolve(x, widen(filters, config.width), f"encoder_{number}", stride=stride)
        total *= stride
    return {total: x}  # (B, H/total, W/total, filters)


def decode_plain(plan: Plan, x: Tensor, config: NetworkConfig) -> Tensor:
    """Convolutions and nearest-neighbor doublings, as listed."""
    for number, step in enumerate(plan, 1):
        if step == "up":
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"decoder_{number}_up")(x)  # (B, 2h, 2w, C)
        else:
            x = convolve(x, widen(int(step), config.width), f"decoder_{number}")  # (B, h, w, step)
    return x


# --- Zhang et al. 2016 ----------------------------------------------------------------------

ZHANG_BLOCKS = (  # filters, convolutions, stride of the last, dilation
    *((64, 2, 2, 1), (128, 2, 2, 1), (256, 3, 2, 1), (512, 3, 1, 1)),
    *((512, 3, 1, 2), (512, 3, 1, 2), (512, 3, 1, 1)),
)
ZHANG_DECODER = 256


def encode_zhang(x: Tensor, config: NetworkConfig) -> dict[int, Tensor]:
    """Seven blocks down to stride 8, two of them dilated instead of strided; a BatchNorm ends each."""
    for block, (filters, count, stride, dilation) in enumerate(ZHANG_BLOCKS, 1):
        for number in range(1, count + 1):
            last = stride if number == count else 1
            name = f"conv{block}_{number}"
            x = convolve(x, widen(filters, config.width), name, stride=last, dilation=dilation)
        # Behind the activation, so no convolution before it can take it in: it is not named to be folded.
        x = BatchNorm(name=f"block{block}_norm")(x)
    return {8: x}  # (B, H/8, W/8, 512)


def decode_zhang(x: Tensor, config: NetworkConfig) -> Tensor:
    """One transposed convolution to stride 4 and two plain ones."""
    filters = widen(ZHANG_DECODER, config.width)
    x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", activation="relu", name="conv8_1")(x)
    for number in (2, 3):
        x = convolve(x, filters, f"conv8_{number}")
    return x  # (B, H/4, W/4, 256)


# --- two proposals and a refinement -----------------------------------------------------------

# Filters, kernel, stride, at stride 8 from the fourth on; then as many doublings as plain steps say.
PROPOSAL_ENCODER = (
    *((64, 3, 2), (128, 3, 1), (128, 3, 2), (256, 3, 2), (512, 3, 1)),
    *((256, 3, 1), (1024, 5, 1), (256, 3, 1), (128, 3, 1)),
)
PROPOSAL_DECODER: Plan = ("up", 64, 64, "up", 32)


def decode_refined(plan: Plan, x: Tensor, features: dict[int, Tensor], config: NetworkConfig) -> Tensor:
    """Two networks propose ab, a third makes one of both.

    Args:
        plan: decoder of the network with the embedding.
        x: its fused features, (B, H/8, W/8, C).
        features: at stride 1 the lightness, which is all that the other two networks see besides proposals.

    Returns:
        (B, H/2, W/2, 4 + F): ab of the network without embedding, ab of the one with, features of the refinement.
    """
    lightness = features[1]  # (B, H, W, 1)
    plain = convolve(_hourglass(lightness, "plain", config), 2, "plain_ab", activation="tanh")  # (B, H/2, W/2, 2)
    embedded = convolve(decode_plain(plan, x, config), 2, "embedded_ab", activation="tanh")  # (B, H/2, W/2, 2)
    # The refinement learns from proposals as they will be, and does not train them.
    seen = ops.stop_gradient(layers.Concatenate(name="proposals")([plain, embedded]))
    enlarged = DoubleSmoothly(name="proposals_up")(seen)  # (B, H, W, 4)
    both = layers.Concatenate(name="refined_input")([lightness, enlarged])  # (B, H, W, 5)
    refined = _hourglass(both, "refined", config)  # (B, H/2, W/2, 32)
    return layers.Concatenate(name="refined_features")([plain, embedded, refined])


def _hourglass(x: Tensor, name: str, config: NetworkConfig) -> Tensor:
    """Down to stride 8 and up to 2, doublings bilinear."""
    for number, (filters, kernel, stride) in enumerate(PROPOSAL_ENCODER, 1):
        x = convolve(x, widen(filters, config.width), f"{name}_encoder_{number}", kernel=kernel, stride=stride)
    for number, step in enumerate(PROPOSAL_DECODER, 1):
        if step == "up":
            x = DoubleSmoothly(name=f"{name}_decoder_{number}_up")(x)
        else:
            x = convolve(x, widen(int(step), config.width), f"{name}_decoder_{number}")
    return x
