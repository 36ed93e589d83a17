"""PRESETS: every network of the family, as a literal table.

`NetworkConfig` says what is built, by names of the tables ENCODERS, EXTRACTORS, FUSIONS,
DECODERS and HEADS. Sources: Baldassarre et al., "Deep Koalarization" (2017) and its code;
the KTH re-implementation (2019); Photos-colorization (2020).
"""

from koalacli.config import NetworkConfig

PRESETS: dict[str, NetworkConfig] = {
    "koala": NetworkConfig(
        preset="koala",
        encoder="mobilenet-v1",
        extractor="trunk",
        cut="pooled",
        embedding_size=256,
        fusion="add",
        decoder="u-shaped",
        head="bins",
        output_stride=4,
    ),
    "deep-koalarization": NetworkConfig(
        preset="deep-koalarization",
        encoder="koalarization",
        extractor="inception-resnet-v2",
        cut="logits",
        fusion="concatenate",
        decoder="koalarization",
        head="ab",
        ab_scale=127.0,
        output_stride=2,
    ),
    "kth-2019": NetworkConfig(
        preset="kth-2019",
        encoder="koalarization",
        extractor="inception-resnet-v2",
        cut="softmax",
        fusion="concatenate",
        decoder="kth",
        head="ab",
        ab_scale=128.0,
        output_stride=2,
    ),
    "photos-xception": NetworkConfig(
        preset="photos-xception",
        encoder="koalarization",
        extractor="xception",
        cut="softmax",
        fusion="concatenate",
        decoder="photos",
        head="ab",
        ab_scale=128.0,
        output_stride=2,
    ),
}
