"""What a network says of pictures."""

from dataclasses import dataclass

from koalacli.arrays import Array


@dataclass(frozen=True)
class Prediction:
    """What the network says of a batch, at its output stride s; h, w stand for ceil(height / s), ceil(width / s).

    Attributes:
        ab: color, float32 (B, h, w, 2), CIELAB units.
        bin_probs: probability of every gamut bin at temperature 1, float32 (B, h, w, Q), sums to 1 over Q; the
            bins' ab are `weights.network.tables["gamut_bins"]`. None unless asked for.
        features: what the head sees, the decoder's last features, float32 (B, h, w, C); koala has C = 128, s = 4.
            None unless asked for.
    """

    ab: Array
    bin_probs: Array | None = None
    features: Array | None = None
