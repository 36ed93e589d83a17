"""The networks, read from top to bottom: encoder, extractor, fusion, decoder, head.

Every part is an entry of a literal table and a plain function of Keras tensors.
`build_network` joins the parts that a `NetworkConfig` names and does no arithmetic itself.

    lightness (B, H, W, 1) ─ encoder ─ features ─ fusion ─ decoder ─ head ─ outputs (B, H/s, W/s, C)
                     └────── extractor ─ embedding ─┘
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from koalacli.arrays import Tensor
from koalacli.model.family import (
    ALPHA_DECODER,
    ALPHA_ENCODER,
    BETA_DECODER,
    BETA_ENCODER,
    Plan,
    decode_plain,
    decode_refined,
    decode_zhang,
    encode_plain,
    encode_zhang,
)
from koalacli.model.heads import head_of
from koalacli.model.iizuka import WHOLE_PICTURE, decode_iizuka, encode_iizuka
from koalacli.model.larsson import decode_hypercolumns, encode_vgg
from koalacli.model.layers import (
    BatchNorm,
    PointwiseConv2D,
    RepeatOverCells,
    ScaleLightness,
    convolve,
    convolve_normalized,
    widen,
)
from koalacli.model.patch_gan import decode_patch_gan, encode_patch_gan
from koalacli.model.pretrained import Trunk
from koalacli.presets import NetworkConfig
from koalacli.tables import EXTRACTORS, Application, load_part

Features = dict[int, Tensor]  # stride -> tensor (B, H/stride, W/stride, C)


@dataclass(frozen=True)
class Network:
    """A built network.

    Attributes:
        config: what was built.
        model: lightness float32 (B, H, W, 1), L* 0..100 -> outputs of the head. H and W are
            free, multiples of 32.
        core: the trained part: [lightness, embedding] -> outputs where an external extractor is
            used (its embedding can then be cached), else the same as `model`.
        extractor: lightness -> embedding (B, E), frozen; None without an external extractor.
        features: symbolic output of the decoder inside `core`: what the head sees; see `with_features`.
        tables: arrays that belong to the network but are not trained: gamut_bins, bin_prior.
    """

    config: NetworkConfig
    model: Any
    core: Any
    extractor: Any
    features: Any
    tables: dict[str, Any]


def build_network(config: NetworkConfig, tables: dict[str, Any] | None = None, *, folded: bool = False) -> Network:
    """Build the network that a config names, with random values.

    Args:
        config: names of parts and constants.
        tables: see `Network`; the bins head needs gamut_bins (Q, 2).
        folded: leave the BatchNorm layers out; inference only, see `fold.py`.
    """
    lightness = layers.Input((None, None, 1), name="lightness")
    scaled = ScaleLightness(config.lightness_center, config.lightness_scale, name="lightness_scaled")(lightness)
    features = ENCODERS[config.encoder].build(scaled, config, folded)  # stride s -> (B, H/s, W/s, C)
    source = EXTRACTORS[config.extractor]
    extractor = load_part(source.build)(source, config.cut) if source.build else None
    embedding = layers.Input((config.embedding_size,), name="embedding") if extractor is not None else None
    fused = FUSIONS[config.fusion](features, embedding, config, folded)
    decoded = DECODERS[config.decoder](fused, features, config, folded)
    outputs = head_of(config.head).build(decoded, config)
    if extractor is None:
        model = core = keras.Model(lightness, outputs, name=config.preset)
    else:
        core = keras.Model([lightness, embedding], outputs, name="core")
        extractor.trainable = False
        picture = layers.Input((None, None, 1), name="picture")
        model = keras.Model(picture, core([picture, extractor(picture, training=False)]), name=config.preset)
    return Network(config, model, core, extractor, decoded, dict(tables or {}))


def with_features(network: Network) -> Any:
    """Model that shares all layers: lightness -> [outputs, features], what the head makes and what it sees.

    Features are float32 (B, H/s, W/s, C) at the output stride s.
    """
    core = keras.Model(network.core.input, [network.core.output, network.features], name="core_with_features")
    if network.extractor is None:
        return core
    picture = layers.Input((None, None, 1), name="picture")
    return keras.Model(picture, core([picture, network.extractor(picture, training=False)]))


# --- encoders: lightness_scaled -> features by stride -------------------------------------

KOALARIZATION_ENCODER = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1))
MOBILENET_BLOCKS = (  # filters, stride; Howard et al. 2017, table 1, width 1.0
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
MOBILENET_TAPS = {3: 4, 5: 8, 11: 16, 13: 32}  # block -> stride of its output


def encode_koalarization(x: Tensor, config: NetworkConfig, folded: bool) -> Features:
    """Eight plain convolutions down to stride 8 (Baldassarre et al. 2017)."""
    return encode_plain(KOALARIZATION_ENCODER, x, config)  # {8: (B, H/8, W/8, 256)}


def encode_mobilenet_v1(x: Tensor, config: NetworkConfig, folded: bool) -> Features:
    """MobileNet v1, the gray repeated to its three input channels, with taps at strides 4 to 32."""
    x = layers.Concatenate(name="gray_as_rgb")([x, x, x])  # (B, H, W, 3)
    x = convolve_normalized(x, 32, "conv1", kernel=3, stride=2, folded=folded)  # (B, H/2, W/2, 32)
    features = {}  # channels: 128 at 4, 256 at 8, 512 at 16, 1024 at 32
    for block, (filters, stride) in enumerate(MOBILENET_BLOCKS, 1):
        x = convolve_normalized(x, None, f"conv_dw_{block}", kernel=3, stride=stride, folded=folded)
        x = convolve_normalized(x, filters, f"conv_pw_{block}", folded=folded)
        if block in MOBILENET_TAPS:
            features[MOBILENET_TAPS[block]] = x
    return features


@dataclass(frozen=True)
class Encoder:
    """How features are made.

    Attributes:
        build: (lightness_scaled, config, folded) -> features.
        trunk: what of it was trained before; None where all of it begins at random.
        whole_picture: layer whose output (B, 1, 1, C) tells of the whole picture; a class head may stand on it.
    """

    build: Callable[[Tensor, NetworkConfig, bool], Features]
    trunk: Trunk | None = None
    whole_picture: str = ""


MOBILENET_TRUNK = Trunk(
    "MobileNet v1, width 1.0",
    ("conv1", "conv_dw_", "conv_pw_"),
    Application("keras.applications:MobileNet", "mobilenet", "mobilenet_1_0_224_tf_no_top.h5"),
    224,
)
ENCODERS: dict[str, Encoder] = {
    "koalarization": Encoder(encode_koalarization),
    "mobilenet-v1": Encoder(encode_mobilenet_v1, MOBILENET_TRUNK),
    "alpha": Encoder(lambda x, config, folded: encode_plain(ALPHA_ENCODER, x, config)),
    "beta": Encoder(lambda x, config, folded: encode_plain(BETA_ENCODER, x, config)),
    "zhang": Encoder(lambda x, config, folded: encode_zhang(x, config)),
    "iizuka": Encoder(encode_iizuka, whole_picture=WHOLE_PICTURE),
    "vgg-16": Encoder(lambda x, config, folded: encode_vgg(x, config)),
    "patch-gan": Encoder(lambda x, config, folded: encode_patch_gan(x, config)),
    "koalarization-and-lightness": Encoder(lambda x, config, folded: {1: x, **encode_koalarization(x, config, folded)}),
}


# --- fusions: deepest features + embedding -> fused features ------------------------------


def fuse_concatenate(features: Features, embedding: Tensor | None, config: NetworkConfig, folded: bool) -> Tensor:
    """Repeat the embedding at each cell, concatenate, mix by a 1x1 convolution (2017); without one, only mix."""
    x = features[max(features)]  # (B, h, w, C)
    if embedding is not None:  # (B, E)
        repeated = RepeatOverCells(name="embedding_repeated")(embedding, x)  # (B, h, w, E)
        x = layers.Concatenate(name="fusion_concatenate")([x, repeated])  # (B, h, w, C + E)
    return convolve(x, widen(256, config.width), "fusion", kernel=1)  # (B, h, w, 256)


def fuse_add(features: Features, embedding: Tensor | None, config: NetworkConfig, folded: bool) -> Tensor:
    """Add an embedding pooled from the trunk itself to its projected deepest features.

    Concatenation followed by a 1x1 convolution is the same sum, with the part of the
    embedding computed once instead of at every cell.
    """
    deepest = features[max(features)]  # (B, h, w, C)
    x = PointwiseConv2D(config.embedding_size, 1, use_bias=False, name="l32")(deepest)  # (B, h, w, E)
    if config.extractor != "none":
        pooled = layers.GlobalAveragePooling2D(keepdims=True, name="pooled")(deepest)  # (B, 1, 1, C)
        embedded = convolve(pooled, config.embedding_size, "embed", kernel=1)  # (B, 1, 1, E)
        x = layers.Add(name="fusion_add")([x, embedded])  # (B, h, w, E)
    x = BatchNorm(name="fusion_bn")(x)
    return layers.Activation("relu", name="fusion_relu")(x)


FUSIONS: dict[str, Callable[[Features, Tensor | None, NetworkConfig, bool], Tensor]] = {
    "concatenate": fuse_concatenate,
    "add": fuse_add,
    "none": lambda features, embedding, config, folded: features[max(features)],
}


# --- decoders: fused features -> features at the output stride ----------------------------

Decoder = Callable[[Tensor, Features, NetworkConfig, bool], Tensor]
# "up" doubles the sides. The originals double once more after the last layer; here that
# enlargement is `color.upsample`, guided by the full-size lightness.
PLAIN_DECODERS: dict[str, Plan] = {
    "koalarization": (128, "up", 64, 64, "up", 32),
    "kth": (128, "up", 64, "up", 32, 16),
    "photos": (256, 128, "up", 64, 64, "up", 32),
    "alpha": ALPHA_DECODER,
    "beta": BETA_DECODER,
}
U_SHAPED_STAGES = ((16, 256), (8, 192), (4, 128))  # stride, filters


def _plain(name: str) -> Decoder:
    return lambda x, features, config, folded: decode_plain(PLAIN_DECODERS[name], x, config)


def decode_u_shaped(x: Tensor, features: Features, config: NetworkConfig, folded: bool) -> Tensor:
    """Three times: double, join the encoder's tap, mix, two depthwise-separable blocks."""
    for stride, filters in U_SHAPED_STAGES:
        name = f"u{stride}"
        x = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_up")(x)  # (B, H/stride, W/stride, C)
        x = layers.Concatenate(name=f"{name}_concatenate")([x, features[stride]])  # (..., C + tap)
        x = convolve_normalized(x, filters, f"{name}_fuse", activation="relu", folded=folded)  # (..., filters)
        for block in "ab":
            x = convolve_normalized(x, None, f"{name}_{block}_dw", kernel=3, folded=folded)
            x = convolve_normalized(x, filters, f"{name}_{block}_pw", folded=folded)
    return x


DECODERS: dict[str, Decoder] = {
    "u-shaped": decode_u_shaped,
    **{name: _plain(name) for name in PLAIN_DECODERS},
    "zhang": lambda x, features, config, folded: decode_zhang(x, config),
    "iizuka": decode_iizuka,
    "hypercolumns": lambda x, features, config, folded: decode_hypercolumns(features, config),
    "patch-gan": lambda x, features, config, folded: decode_patch_gan(x, features, config),
    "refined": lambda x, features, config, folded: decode_refined(PLAIN_DECODERS["koalarization"], x, features, config),
}
