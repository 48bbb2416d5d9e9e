"""Puts quantisation into a graph, as pairs of QuantizeLinear and DequantizeLinear (Q/DQ) before convolutions.

A pair stands before each input of a convolution and nowhere else. That is all an engine needs to run it in int8, and leaves it
free to move and merge the rest: in OpenVINO each convolution writes bytes for the next. Pairs around MaxPool and Resize too made
it no faster, and each rounds once more.

A convolution that reads a Concat, as a U-Net's decoders do, becomes one convolution for each part, and their sum. OpenVINO
2026.4 draws the pair behind a signed Concat through it and then rounds to whole numbers rather than to whole scales: masks of a
U-Net fell to an IoU of 0.86. Apart, the parts are calculated right, each has a range of its own, and no time is lost: 27.9 ms of
processor time a frame against 27.4 for the wrong one, and 31.8 with a Max between Concat and pair, which also cures it (`unet`
at 640x384, AVX512-VNNI).

onnxruntime.quantization writes such pairs too, and `QDQQuantizer` takes ranges that are known already, but not the sums, which
are half of this file; it takes 5.3 s for `unet` where this takes 0.2 (ONNX Runtime 1.32, two cores), and a calibration writes fifty files.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

QUANTISED = {"Conv": 0, "ConvTranspose": 1}
"""Kinds of node that are quantised, and the axis of their weights that counts output channels."""


@dataclass(frozen=True, slots=True)
class QuantisableLayer:
    """A convolution that can be quantised.

    Attributes:
        node: its name in the graph.
        name: what it is called in reports, that of its weights.
        tensors: what goes into it; more than one where a Concat is before it.
        channels: of each of those.
        multiplications: per image, by its weights and the size of what comes out.
    """

    node: str
    name: str
    tensors: tuple[str, ...]
    channels: tuple[int, ...]
    multiplications: int


def list_layers(model: onnx.ModelProto) -> list[QuantisableLayer]:
    """The convolutions with constant weights, in the order in which they run."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    inferred = shape_inference.infer_shapes(model).graph
    # What a model remembers comes in at the graph's inputs, and leaves at its outputs.
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    shapes = {value.name: [side.dim_value for side in value.type.tensor_type.shape.dim] for value in values}
    concats = {node.output[0]: node for node in model.graph.node if node.op_type == "Concat" and node.attribute[0].i in (1, -3)}
    layers = []
    for node in model.graph.node:
        if node.op_type not in QUANTISED or node.input[1] not in weights:
            continue
        positions = math.prod(shapes[node.output[0] if node.op_type == "Conv" else node.input[0]][2:])
        tensors = (node.input[0],)
        if node.input[0] in concats and node.op_type == "Conv" and shapes[node.input[0]][1] == weights[node.input[1]].dims[1]:
            tensors = tuple(concats[node.input[0]].input)
        name = node.input[1].removeprefix("network.").removesuffix(".weight")
        channels = tuple(shapes[tensor][1] for tensor in tensors)
        layers.append(QuantisableLayer(node.name, name, tensors, channels, positions * math.prod(weights[node.input[1]].dims)))
    return layers


def quantise_layers(model: onnx.ModelProto, layers: Collection[QuantisableLayer], ranges: dict[str, float]) -> onnx.ModelProto:
    """A copy of an fp32 model with the given layers in int8: symmetric, signed, weights per output channel, biases as they were.

    Args:
        ranges: magnitude that becomes 127, for each tensor that goes into a layer.
    """
    by_node = {layer.node: layer for layer in layers}
    weights = {weight.name: weight for weight in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    quantised_tensors: set[str] = set()
    for node in model.graph.node:
        layer = by_node.get(node.name)
        if layer is None:
            nodes.append(node)
            continue
        for tensor in layer.tensors:
            if tensor not in quantised_tensors:
                quantised_tensors.add(tensor)
                # A tensor that is always 0 has no range of its own.
                constants += _scale(tensor, np.float32((ranges[tensor] or 1) / 127))
                nodes += [_q_or_dq("QuantizeLinear", tensor), _q_or_dq("DequantizeLinear", tensor)]
        added_nodes, added_constants = _quantised_convolution(node, layer, numpy_helper.to_array(weights[node.input[1]]))
        nodes += added_nodes
        constants += added_constants
    return _with_graph(model, nodes, constants)


def _quantised_convolution(
    node: onnx.NodeProto, layer: QuantisableLayer, weights: NDArray[np.float32]
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """One convolution on the quantised tensor, or one on each and their sum; with them their weights."""
    axis = QUANTISED[node.op_type]
    nodes, constants, sums = [], [], []
    parts = np.split(weights, np.cumsum(layer.channels)[:-1], axis=1) if len(layer.tensors) > 1 else [weights]
    for number, (tensor, part) in enumerate(zip(layer.tensors, parts, strict=True)):
        suffix = f".{number}" if len(parts) > 1 else ""
        name = node.input[1] + suffix
        constants += _quantise_weights(name, part, axis)
        convolution = onnx.NodeProto()
        convolution.CopyFrom(node)
        convolution.name += suffix
        convolution.input[:2] = [f"{tensor}_dequantised", f"{name}_dequantised"]
        convolution.output[0] += suffix
        if number:
            del convolution.input[2:]  # the bias is added once
        nodes += [_q_or_dq("DequantizeLinear", name, axis=axis), convolution]
        sums.append(convolution.output[0])
    for number, term in enumerate(sums[1:], 1):
        result = node.output[0] if number == len(sums) - 1 else f"{node.output[0]}.sum{number}"
        nodes.append(helper.make_node("Add", [sums[0], term], [result], name=f"{node.name}.sum{number}"))
        sums[0] = result
    return nodes, constants


def _q_or_dq(kind: str, tensor: str, **attributes: Any) -> onnx.NodeProto:
    read, written = (tensor, f"{tensor}_int8") if kind == "QuantizeLinear" else (f"{tensor}_int8", f"{tensor}_dequantised")
    return helper.make_node(kind, [read, f"{tensor}_scale", f"{tensor}_zero_point"], [written], name=f"{tensor}_{kind}", **attributes)


def _scale(tensor: str, scale: np.float32 | NDArray[np.float32]) -> list[onnx.TensorProto]:
    # The zero-points are all 0, but without them a value would be UINT8.
    return [
        numpy_helper.from_array(np.asarray(scale, np.float32), f"{tensor}_scale"),
        numpy_helper.from_array(np.zeros(np.shape(scale), np.int8), f"{tensor}_zero_point"),
    ]


def _quantise_weights(name: str, weights: NDArray[np.float32], axis: int) -> list[onnx.TensorProto]:
    others = tuple(side for side in range(weights.ndim) if side != axis)
    largest = np.abs(weights).max(axis=others)
    scale = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(127)
    steps = np.round(weights / np.expand_dims(scale, others))
    return [numpy_helper.from_array(np.clip(steps, -127, 127).astype(np.int8), f"{name}_int8"), *_scale(name, scale)]


def _with_graph(model: onnx.ModelProto, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> onnx.ModelProto:
    """The model with other nodes and further constants; what is no longer read, a Concat or a float weight, is left out."""
    results = {output.name for output in model.graph.output}
    while True:
        read = results | {name for node in nodes for name in node.input}
        needed = [node for node in nodes if any(output in read for output in node.output)]
        if len(needed) == len(nodes):
            break
        nodes = needed
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        model.graph.input,
        model.graph.output,
        [constant for constant in [*model.graph.initializer, *constants] if constant.name in read],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
