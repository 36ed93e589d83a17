"""A network as ONNX: each kind of layer is one entry of LAYERS; what the file means stands in its metadata.

    lightness (N, 1, H, W), float32, L* 0..100 -> ab (N, 2, H/s, W/s), CIELAB units, or logits (N, Q, H/s, W/s)

Tensors are channels-first, which ONNX wants; H and W are free multiples of 32. With half, values and arithmetic are
float16 inside, and input and output stay float32.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from koalacli.errors import UsageError
from koalacli.model.onnx_coherence import write_agreement
from koalacli.model.read_outs import cell_side, read_annealed_mean, read_coherent, read_scaled, reading_of
from koalacli.model.weights import Weights
from koalacli.settings import STRIDE, ReadOut

OPSET = 17  # known to OpenCV's reader, onnxruntime and its build for browsers alike
IR_VERSION = 8


class Graph:
    """Nodes and values of an ONNX graph in the making.

    Args:
        half: whether values are float16.
    """

    def __init__(self, *, half: bool):
        self.dtype = np.float16 if half else np.float32
        self.nodes: list[Any] = []
        self.values: list[Any] = []

    def in_float32(self) -> "Graph":
        """The same graph, to which constants of float32 are added."""
        wide = Graph(half=False)
        wide.nodes, wide.values = self.nodes, self.values
        return wide

    def add(self, kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node; returns the name of its output, which cannot be that of an end of the graph."""
        self.nodes.append(helper.make_node(kind, inputs, [f"/{name}"], f"/{name}", **attributes))
        return f"/{name}"

    def value(self, name: str, array: Any) -> str:
        """Add an array as a constant of the graph's type; int64 stays what it is."""
        array = np.asarray(array)
        array = array if array.dtype == np.int64 else array.astype(self.dtype)
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _activate(graph: Graph, name: str, activation: str, x: str) -> str:
    if activation == "linear":
        return x
    if activation == "relu6":
        limits = [graph.value(f"{name}/{end}", np.array(limit)) for end, limit in (("least", 0.0), ("most", 6.0))]
        return graph.add("Clip", name, [x, *limits])
    return graph.add({"relu": "Relu", "tanh": "Tanh"}[activation], name, [x])


def _convolve(graph: Graph, layer: Any, inputs: list[str]) -> str:
    """Keras' kernels are (h, w, in, out), depthwise ones (h, w, channels, 1); same padding puts the odd row last."""
    kernel, depthwise = np.asarray(layer.kernel), "Depthwise" in type(layer).__name__
    weights = [graph.value(f"{layer.name}/kernel", kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)))]
    if layer.use_bias:
        weights.append(graph.value(f"{layer.name}/bias", np.asarray(layer.bias)))
    missing = [max(0, size - step) for size, step in zip(layer.kernel_size, layer.strides, strict=True)]
    pads = [count // 2 for count in missing] + [count - count // 2 for count in missing]
    groups = {"group": kernel.shape[2]} if depthwise else {}
    x = graph.add("Conv", layer.name, [*inputs, *weights], strides=list(layer.strides), pads=pads, **groups)
    return _activate(graph, f"{layer.name}/activation", layer.activation.__name__, x)


def _normalize(graph: Graph, layer: Any, inputs: list[str]) -> str:
    """BatchNorm at inference: a factor and an offset for each channel."""
    parts = (np.asarray(part) for part in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance))
    gamma, beta, mean, variance = parts
    factor = gamma / np.sqrt(variance + layer.epsilon)
    scaled = graph.add("Mul", f"{layer.name}/scaled", [*inputs, _planes(graph, f"{layer.name}/factor", factor)])
    return graph.add("Add", layer.name, [scaled, _planes(graph, f"{layer.name}/offset", beta - mean * factor)])


def _planes(graph: Graph, name: str, values: Any) -> str:
    return graph.value(name, np.reshape(values, (1, -1, 1, 1)))


def _scale(graph: Graph, layer: Any, inputs: list[str]) -> str:
    less = graph.add("Sub", f"{layer.name}/centered", [*inputs, graph.value(f"{layer.name}/center", layer.center)])
    return graph.add("Div", layer.name, [less, graph.value(f"{layer.name}/scale", layer.scale)])


def _enlarge(graph: Graph, layer: Any, inputs: list[str]) -> str:
    scales = f"{layer.name}/scales"
    graph.values.append(numpy_helper.from_array(np.array([1, 1, *layer.size], np.float32), scales))
    modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", layer.name, [*inputs, "", scales], **modes)


LAYERS: dict[str, Callable[[Graph, Any, list[str]], str]] = {
    "ScaleLightness": _scale,
    "Conv2D": _convolve,
    "PointwiseConv2D": _convolve,
    "DepthwiseConv2D": _convolve,
    "BatchNorm": _normalize,
    "Activation": lambda graph, layer, inputs: _activate(graph, layer.name, layer.activation.__name__, *inputs),
    "UpSampling2D": _enlarge,
    "Concatenate": lambda graph, layer, inputs: graph.add("Concat", layer.name, inputs, axis=1),
    "Add": lambda graph, layer, inputs: graph.add("Add", layer.name, inputs),
    "GlobalAveragePooling2D": lambda graph, layer, inputs: graph.add("GlobalAveragePool", layer.name, inputs),
}


def make_onnx(weights: Weights, *, logits: bool = False, half: bool = False) -> Any:
    """An ONNX model of a network that was loaded with folded=True.

    Args:
        weights: whose network.
        logits: give what the head makes instead of ab.
        half: float16 inside.

    Raises:
        UsageError: it has parts that ONNX is not written for here: an extractor of its own, another read-out.
    """
    network, read_out = weights.network, weights.read_out
    unknown = sorted({type(layer).__name__ for layer in network.model.layers} - {*LAYERS, "InputLayer"})
    if network.extractor is not None or unknown:
        parts = ", ".join(unknown) or "an extractor of its own"
        raise UsageError(f"{weights.name}: cannot be written as ONNX, as it has {parts}; koala's own preset can be")
    graph = Graph(half=half)
    output, features = _trace(graph, network.model, network.features)
    if not logits:
        output = _read_out(graph, weights, read_out, output, features)
    name = "logits" if logits else "ab"
    graph.nodes.append(helper.make_node("Cast", [output], [name], name, to=TensorProto.FLOAT))
    channels = network.model.output.shape[-1] if logits else 2
    ends = [
        helper.make_tensor_value_info("lightness", TensorProto.FLOAT, ["N", 1, "H", "W"]),
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, "h", "w"]),
    ]
    made = helper.make_graph(graph.nodes, network.config.preset, ends[:1], ends[1:], graph.values)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "koala"
    helper.set_model_props(model, _contract(weights, name))
    onnx.checker.check_model(model, full_check=True)
    return model


def _trace(graph: Graph, model: Any, features: Any) -> tuple[str, str]:
    """Nodes for every layer, in order; returns the names of the output and of what the head sees."""
    names = {id(model.inputs[0]): graph.add("Cast", "seen", ["lightness"], to=_type(graph))}
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        names[id(layer.output)] = LAYERS[type(layer).__name__](graph, layer, [names[id(one)] for one in tensors])
    return names[id(model.outputs[0])], names[id(features)]


def _type(graph: Graph) -> int:
    return int(TensorProto.FLOAT16 if graph.dtype == np.float16 else TensorProto.FLOAT)


def _read_out(graph: Graph, weights: Weights, read_out: ReadOut, outputs: str, features: str) -> str:
    """ab in CIELAB units: see `read_outs`, whose entries these are."""
    network = weights.network
    reading = reading_of(read_out, network.config.head)
    if reading.read not in (read_scaled, read_annealed_mean, read_coherent):
        raise UsageError(f"{weights.name}: its read-out {read_out.method} is not written as ONNX; ask for --logits")
    saturation = np.float32(read_out.saturation)
    if reading.read is read_scaled:
        factor = graph.value("ab_scale", saturation * np.float32(network.config.ab_scale))
        return graph.add("Mul", "colors", [outputs, factor])
    bins = np.asarray(network.tables["gamut_bins"], np.float32) * saturation
    annealed = graph.add("Div", "annealed", [outputs, graph.value("vividness", read_out.vividness)])
    probs = graph.add("Softmax", "bin_probs", [annealed], axis=1)
    colors = graph.add("Conv", "colors", [probs, graph.value("gamut_bins", bins.T[:, :, None, None])])
    if reading.read is read_annealed_mean:
        return colors
    # Distances are differences of large numbers: too much for float16.
    wide = graph.in_float32()
    colors, features = (
        wide.add("Cast", f"{name}_wide", [one], to=int(TensorProto.FLOAT))
        for name, one in (("colors", colors), ("features", features))
    )
    stride = network.config.output_stride
    return write_agreement(wide, colors, features, "lightness", stride, cell_side(read_out, network.config))


def _contract(weights: Weights, output: str) -> dict[str, str]:
    """What the model takes and gives, as properties of the file."""
    config, read_out = weights.network.config, weights.read_out
    gives = {
        "ab": f"ab (N, 2, H/{config.output_stride}, W/{config.output_stride}) float32, CIELAB a* and b* (D65)",
        "logits": f"logits (N, Q, H/{config.output_stride}, W/{config.output_stride}) float32, one per gamut bin",
    }
    told = {
        "input": f"lightness (N, 1, H, W) float32, CIELAB L* 0..100 (D65); H and W multiples of {STRIDE}",
        "output": gives[output] if config.bins or output == "ab" else f"ab_scaled, times {config.ab_scale}",
        "output_stride": str(config.output_stride),
        "size": f"{read_out.size} is the short side that it was made for",
        "stretch": f"{read_out.stretch:g}: widen the range of L* to this much before, where it is less",
        "vividness": str(read_out.vividness),
        "saturation": str(read_out.saturation),
        "weights": weights.name,
        "weights_digest": f"sha256:{weights.digest}",
        "terms": str(weights.provenance.get("terms", "")),
    }
    if output == "logits" and config.bins:
        bins = np.asarray(weights.network.tables["gamut_bins"])
        told["gamut_bins"] = json.dumps(bins.round(4).tolist())
    return told
