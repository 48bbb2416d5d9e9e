"""Puts quantisation into a graph, as pairs of QuantizeLinear and DequantizeLinear (Q/DQ) before convolutions.

A pair stands before each input of a convolution and nowhere else. That is all an engine needs to run it in int8, and leaves it
free to move and merge the rest: OpenVINO lets each convolution write bytes for the next, draws the pair behind a Concat through
it into what comes before, and multiplies unsigned what follows a ReLU. Pairs around MaxPool, Concat and Resize too, at one scale
for all, made it no faster (within 3 % of a frame at 640x384, one core with AVX512-VNNI) and each rounds once more.

onnxruntime.quantization.quantize_static writes the same but wants calibration data at every call, takes a second each, and has no
place for ranges that are known already.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

QUANTISED = {"Conv": 0, "ConvTranspose": 1}
"""Kinds of node that are quantised, and the axis of their weights that counts output channels."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution that can be quantised.

    Attributes:
        node: its name in the graph.
        name: what it is called in reports, that of its weights.
        tensor: what goes into it.
        multiplications: a picture, by its weights and the size of what comes out.
    """

    node: str
    name: str
    tensor: str
    multiplications: int


def list_layers(model: onnx.ModelProto) -> list[Layer]:
    """The convolutions with constant weights, in the order in which they run."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    inferred = shape_inference.infer_shapes(model).graph
    shapes = {value.name: [side.dim_value for side in value.type.tensor_type.shape.dim] for value in inferred.value_info}
    layers = []
    for node in model.graph.node:
        if node.op_type in QUANTISED and node.input[1] in weights:
            positions = node.output[0] if node.op_type == "Conv" else node.input[0]
            multiplications = math.prod(weights[node.input[1]].dims) * math.prod(shapes[positions][2:])
            name = node.input[1].removeprefix("network.").removesuffix(".weight")
            layers.append(Layer(node.name, name, node.input[0], multiplications))
    return layers


def quantise_layers(model: onnx.ModelProto, layers: Collection[Layer], ranges: dict[str, float]) -> onnx.ModelProto:
    """A copy of an fp32 model with the given layers in int8: symmetric, signed, weights per output channel, biases as they were.

    Args:
        ranges: magnitude that becomes 127, for each layer's input tensor.
    """
    quantised = onnx.ModelProto()
    quantised.CopyFrom(model)
    graph = quantised.graph
    names = {layer.node for layer in layers}
    weights = {weight.name: weight for weight in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    done: set[str] = set()
    for node in graph.node:
        if node.name in names:
            tensor, weight = node.input[0], node.input[1]
            if tensor not in done:
                constants += _scale(tensor, np.float32(max(ranges[tensor], np.finfo(np.float32).tiny * 256) / 127))
                nodes += [_pair_node("QuantizeLinear", tensor, tensor), _pair_node("DequantizeLinear", f"{tensor}_int8", tensor)]
            if weight not in done:
                constants += _quantise_weights(weight, numpy_helper.to_array(weights[weight]), QUANTISED[node.op_type])
                nodes.append(_pair_node("DequantizeLinear", f"{weight}_int8", weight, axis=QUANTISED[node.op_type]))
            done |= {tensor, weight}
            node.input[0], node.input[1] = f"{tensor}_dequantised", f"{weight}_dequantised"
        nodes.append(node)
    read = {name for node in nodes for name in node.input}
    constants += [weight for weight in graph.initializer if weight.name in read]
    _replace(graph.node, nodes)
    _replace(graph.initializer, constants)
    return quantised


def _pair_node(kind: str, tensor: str, of: str, **attributes: int) -> onnx.NodeProto:
    result = f"{of}_int8" if kind == "QuantizeLinear" else f"{of}_dequantised"
    return helper.make_node(kind, [tensor, f"{of}_scale", f"{of}_zero_point"], [result], name=f"{of}_{kind}", **attributes)


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


def _replace(field: object, entries: list[onnx.NodeProto] | list[onnx.TensorProto]) -> None:
    # Copied first: emptying the field frees the entries that are in it.
    copies = [type(entry).FromString(entry.SerializeToString()) for entry in entries]
    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]
