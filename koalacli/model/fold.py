"""Fold BatchNorm into the convolution before it, for inference.

gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta is a convolution with scaled
kernel and a bias. Same result to rounding, and one pass over memory less per layer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.model.layers import BATCH_NORM_EPSILON
from koalacli.model.network import Network, build_network


def fold_batch_norm(network: Network) -> Network:
    """A network with the same outputs whose convolutions carry their normalization."""
    folded = build_network(network.config, network.tables, folded=True)
    source = {layer.name: layer for layer in network.core.layers}
    for layer in folded.core.layers:
        if not layer.weights:
            continue
        if f"{layer.name}_bn" in source and len(source[layer.name].weights) == 1:
            layer.set_weights(_fold(source[layer.name], source[f"{layer.name}_bn"]))
        else:
            layer.set_weights(source[layer.name].get_weights())
    if folded.extractor is not None:
        folded.extractor.set_weights(network.extractor.get_weights())
    return folded


def _fold(convolution: Any, normalization: Any) -> list[NDArray[np.float32]]:
    kernel = convolution.get_weights()[0]
    gamma, beta, mean, variance = normalization.get_weights()
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    # A depthwise kernel is (3, 3, C, 1): its output channels stand on the third axis.
    depthwise = kernel.shape[2] == len(scale) and kernel.shape[3] == 1
    return [kernel * (scale[:, None] if depthwise else scale), beta - mean * scale]
