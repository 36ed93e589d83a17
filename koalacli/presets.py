"""PRESETS and RECIPES: every network of the family and how it is trained, as literal tables.

`NetworkConfig` says what is built, by names of the tables ENCODERS, EXTRACTORS, FUSIONS,
DECODERS and HEADS. Sources: Baldassarre et al., "Deep Koalarization" (2017) and its code;
the KTH re-implementation (2019); Photos-colorization (2020).
"""

from typing import Any

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

# How each preset is trained unless the user says otherwise. The 2017 family has its systems'
# own settings: Baldassarre et al. (Adam 1e-3, batches of 100, 100 epochs, no augmentation); KTH
# 2019 (256 px, batches of 125, plateau schedule, early stopping after 15, shear, zoom, rotation
# and flip); Photos-colorization 2020 (Adam 1e-3, batches of 64, 100 epochs).
_PLAIN: dict[str, Any] = {
    "extractor_weights": "imagenet",
    "loss": "mse",
    "optimizer": "adam",
    "lr": 1e-3,
    "weight_decay": 0.0,
    "clip": 0.0,
    "trunk_rate": 1.0,
    "trunk_warmup": 0,
    "schedule": "constant",
    "ema": 0.0,
    "early_stopping": 0,
    "epochs": 100,
    "augment": "none",
}
RECIPES: dict[str, dict[str, Any]] = {
    "koala": {
        "extractor_weights": "shipped",
        "loss": "rebalanced",
        "optimizer": "adamw",
        "lr": 1.5e-3,
        "weight_decay": 0.01,
        "clip": 5.0,
        "trunk_rate": 0.15,
        "trunk_warmup": 150,
        "schedule": "cosine",
        "ema": 0.999,
        "early_stopping": 0,
        "epochs": 20,
        "augment": "film",
        "image_size": 128,
        "batch_size": 48,
    },
    "deep-koalarization": {**_PLAIN, "image_size": 224, "batch_size": 100},
    "kth-2019": {
        **_PLAIN,
        "image_size": 256,
        "batch_size": 125,
        "schedule": "plateau",
        "early_stopping": 15,
        "epochs": 200,
        "augment": "warp",
    },
    "photos-xception": {**_PLAIN, "image_size": 256, "batch_size": 64},
}
