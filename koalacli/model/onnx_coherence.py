"""`coherence.agree` as nodes of an ONNX graph, channels-first and in float32 whatever the network has."""

import math
from typing import Any

import numpy as np
from onnx import TensorProto

from koalacli.model.coherence import LIGHTNESS_WIDTH, OWN_WEIGHT, REACH, SHARPNESS
from koalacli.settings import STRIDE

FITTING = 8  # planes at the output stride of 4 have sides that are multiples of this


def write_agreement(graph: Any, ab: str, features: str, lightness: str, stride: int, cell: int) -> str:
    """Average color over what is alike; see `coherence.agree` for the formula and its arguments.

    Args:
        graph: an `onnx_graph.Graph` of float32.
        ab, features, lightness: names of its float32 tensors (N, 2, h, w), (N, F, h, w), (N, 1, H, W).

    Returns:
        Name of ab (N, 2, h, w).
    """
    alike = _unit(graph, "alike", features)
    cells = _unit(graph, "cells", _shrink(graph, "alike_cells", alike, cell))
    place = _places(graph, _shrink(graph, "small_lightness", lightness, stride))
    sharpness = graph.value("sharpness", math.sqrt(SHARPNESS))
    kind, cell_kind = graph.add("Mul", "kind", [alike, sharpness]), graph.add("Mul", "cell_kind", [cells, sharpness])
    points = _rows(graph, "points", graph.add("Concat", "point_planes", [kind, place], axis=1))
    places = _shrink(graph, "cell_places", place, cell)
    centers = _rows(graph, "centers", graph.add("Concat", "center_planes", [cell_kind, places], axis=1))
    weights = _weights(graph, points, centers)
    own = graph.value("own_weight", OWN_WEIGHT)
    heard = graph.add("MatMul", "heard", [weights, _rows(graph, "cell_ab", _shrink(graph, "ab_cells", ab, cell))])
    told = graph.add("Mul", "told", [_rows(graph, "own_ab", ab), own])
    total = graph.add("Sum", "total", [_sum(graph, "listening", weights, 2), own])
    rows = graph.add("Div", "agreed_rows", [graph.add("Sum", "said", [heard, told]), total])
    turned = graph.add("Transpose", "agreed_planes", [rows], perm=[0, 2, 1])
    return str(graph.add("Reshape", "agreed", [turned, graph.add("Shape", "ab_shape", [ab])]))


def _weights(graph: Any, points: str, centers: str) -> str:
    """exp(-squared distance / 2) of points (N, P, C) and centers (N, Q, C): (N, P, Q)."""
    across = graph.add("Transpose", "centers_across", [centers], perm=[0, 2, 1])
    dot = graph.add("MatMul", "alignment", [points, across])
    twice = graph.add("Mul", "twice", [dot, graph.value("minus_two", -2.0)])
    squares = [
        _sum(graph, "point_squares", graph.add("Mul", "points_squared", [points, points]), 2),
        _sum(graph, "center_squares", graph.add("Mul", "centers_squared", [across, across]), 1),
    ]
    far = graph.add("Relu", "far", [graph.add("Sum", "distances", [squares[0], twice, squares[1]])])
    return str(graph.add("Exp", "weights", [graph.add("Mul", "far_halved", [far, graph.value("minus_half", -0.5)])]))


def _unit(graph: Any, name: str, x: str) -> str:
    """Vectors along the channels, of length 1."""
    length = graph.add("ReduceL2", f"{name}_length", [x], axes=[1], keepdims=1)
    safe = graph.add("Add", f"{name}_safe", [length, graph.value(f"{name}_least", 1e-6)])
    return str(graph.add("Div", name, [x, safe]))


def _places(graph: Any, small: str) -> str:
    """Lightness, row and column, (N, 3, h, w), in standard deviations."""
    ones = graph.add(
        "Add", "ones", [graph.add("Mul", "zeros", [small, graph.value("zero", 0.0)]), graph.value("one", 1.0)]
    )
    sides = graph.add(
        "Gather", "sides", [graph.add("Shape", "small_shape", [small]), _int64(graph, "two_three", [2, 3])]
    )
    short = graph.add("ReduceMin", "short_side", [sides], keepdims=0)
    side = graph.add("Cast", "short_side_float", [short], to=int(TensorProto.FLOAT))
    reach = graph.add("Mul", "reach", [side, graph.value("reach_share", REACH)])
    parts = [graph.add("Div", "light", [small, graph.value("lightness_width", LIGHTNESS_WIDTH)])]
    for name, axis in (("row", 2), ("column", 3)):
        counted = graph.add("CumSum", f"{name}_number", [ones, _int64(graph, f"{name}_axis", axis)], exclusive=1)
        parts.append(graph.add("Div", name, [counted, reach]))
    return str(graph.add("Concat", "place", parts, axis=1))


def _shrink(graph: Any, name: str, x: str, cell: int) -> str:
    """Mean over cells, as Keras' same padding has it: those at both ends may be smaller."""
    sides = {"kernel_shape": [cell, cell], "strides": [cell, cell]}
    # Where cells always fit, nothing is said of padding: OpenCV's reader takes same padding for another one.
    padding = {} if STRIDE % cell == 0 and cell <= FITTING else {"auto_pad": "SAME_UPPER", "count_include_pad": 0}
    return str(graph.add("AveragePool", name, [x], **sides, **padding))


def _rows(graph: Any, name: str, x: str) -> str:
    """(N, C, h, w) as (N, h * w, C)."""
    shaped = graph.add("Reshape", f"{name}_shaped", [x, _int64(graph, f"{name}_shape", [0, 0, -1])])
    return str(graph.add("Transpose", name, [shaped], perm=[0, 2, 1]))


def _sum(graph: Any, name: str, x: str, axis: int) -> str:
    return str(graph.add("ReduceSum", name, [x, _int64(graph, f"{name}_axis", [axis])], keepdims=1))


def _int64(graph: Any, name: str, numbers: Any) -> str:
    return str(graph.value(name, np.array(numbers, np.int64)))
