"""Fold BatchNorm into the convolution before it, for inference.

gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta is a convolution with scaled
kernel and a bias. Same result to rounding, and one pass over memory less per layer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.model.layers import BATCH_NORM_EPSILON

Tensors = dict[str, NDArray[Any]]


def fold_tensors(tensors: Tensors) -> Tensors:
    """Arrays of a network by name, as they must be for the same network built with folded=True.

    A layer NAME without bias is folded where NAME_bn exists; all else is passed on.
    """
    folded = dict(tensors)
    for name in tensors:
        layer = name.removesuffix("/kernel")
        if layer == name or f"{layer}_bn/gamma" not in tensors or f"{layer}/bias" in tensors:
            continue
        gamma, beta, mean, variance = (
            folded.pop(f"{layer}_bn/{part}").astype(np.float32)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = tensors[name].astype(np.float32)
        # A depthwise kernel is (3, 3, C, 1): its output channels stand on the third axis.
        depthwise = kernel.shape[2] == len(scale) and kernel.shape[3] == 1
        folded[name] = kernel * (scale[:, None] if depthwise else scale)
        folded[f"{layer}/bias"] = beta - mean * scale
    return folded
