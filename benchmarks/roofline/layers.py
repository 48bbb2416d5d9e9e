"""What a model has to do, layer by layer: operations and bytes, read from its ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

import onnx
from onnx import NodeProto, TensorProto, helper, shape_inference

from engines.model_file import ModelFile
from lanes.errors import InputError

FUSED = frozenset(
    {
        "Add",
        "Cast",
        "Clip",
        "DepthToSpace",
        "Div",
        "Elu",
        "Erf",
        "Exp",
        "Flatten",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "Mul",
        "Neg",
        "PRelu",
        "Pow",
        "QuantizeLinear",
        "Relu",
        "Reshape",
        "Round",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Tanh",
        "Transpose",
        "Unsqueeze",
    }
)
"""What an engine fuses into the layer before: these take no bytes of their own, and their few operations are not counted. All other
operators are layers."""

SOURCES = frozenset({"Constant", "DequantizeLinear", "Shape"})
"""What only passes a tensor on: a dequantised tensor is as large as what it came from, and belongs to the layer that takes it."""

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)


@dataclass
class Layer:
    """A layer with what is fused into it.

    Attributes:
        name: after its weights where it has any, else after its node.
        kind: its operator, `Conv`.
        macs: multiplications, each with its addition, of one batch.
        weight_bytes: of what is constant in it.
        activation_bytes: of all tensors that go in and come out, each once.
        parts: names of the nodes in it and of their outputs, by which engines call it.
    """

    name: str
    kind: str
    macs: int = 0
    weight_bytes: int = 0
    activation_bytes: int = 0
    parts: set[str] = field(default_factory=set)

    @property
    def operations(self) -> int:
        """A multiplication and an addition count as two."""
        return 2 * self.macs

    @property
    def bytes(self) -> int:
        """Read and written at the least, when nothing of the layer before is still in a cache."""
        return self.weight_bytes + self.activation_bytes


def read_layers(file: ModelFile, batch: int = 1, float_bytes: int = 4) -> list[Layer]:
    """The layers of a model file in the order in which they run.

    Args:
        file: the model.
        batch: images in a call.
        float_bytes: bytes in which the engine keeps a floating-point number.

    Raises:
        InputError: a shape in the graph is not fixed even when the batch is.
    """
    model = onnx.load_model_from_string(file.read())
    del model.graph.value_info[:]  # shapes with an open batch
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return _Graph(file.path, shape_inference.infer_shapes(model, data_prop=True).graph, float_bytes).layers


class _Graph:
    def __init__(self, path: Path, graph: onnx.GraphProto, float_bytes: int) -> None:
        self.path = path
        self.float_bytes = float_bytes
        self.constants = {weight.name: (weight.data_type, tuple(weight.dims)) for weight in graph.initializer}
        self.tensors = {
            value.name: (value.type.tensor_type.elem_type, self._shape(value)) for value in [*graph.input, *graph.value_info, *graph.output]
        }
        self.producers: dict[str, NodeProto] = {name: node for node in graph.node for name in node.output}
        self.results = {value.name for value in graph.output}
        self.layers: list[Layer] = []
        producer: dict[str, int] = {}  # tensor -> number of the layer that makes it
        consumers: dict[str, set[int]] = {}  # tensor -> layers that read it
        for node in graph.node:
            if node.op_type in SOURCES:
                continue
            inputs = [self._source(name) for name in node.input if name]
            number = max((producer[name] for name in inputs if name in producer), default=-1)
            if number < 0 or node.op_type not in FUSED:
                number = len(self.layers)
                self.layers.append(Layer("input" if node.op_type in FUSED else self._name(node), node.op_type))
            layer = self.layers[number]
            passed_on = (self._trace(name)[:-1] for name in node.input)
            layer.parts |= {part for part in (node.name, *node.output, *chain.from_iterable(passed_on)) if part}
            layer.macs += self._macs(node)
            for name in inputs:
                consumers.setdefault(name, set()).add(number)
            producer |= dict.fromkeys(node.output, number)
        self._count_bytes(producer, consumers)

    def _count_bytes(self, producer: dict[str, int], consumers: dict[str, set[int]]) -> None:
        for name, numbers in consumers.items():
            for number in numbers:
                if name in self.constants:
                    self.layers[number].weight_bytes += self._bytes(name)
                elif producer.get(name) != number:
                    self.layers[number].activation_bytes += self._bytes(name)
        for name, number in producer.items():
            if name in self.results or consumers.get(name, set()) - {number}:
                self.layers[number].activation_bytes += self._bytes(name)

    def _trace(self, name: str) -> list[str]:
        """The tensor with the nodes and tensors before it that only passed it on; the last is where it came from."""
        path = [name]
        while (node := self.producers.get(name)) is not None and node.op_type in SOURCES and node.input:
            name = node.input[0]
            path += [node.name, name]
        return path

    def _source(self, name: str) -> str:
        return self._trace(name)[-1]

    def _name(self, node: NodeProto) -> str:
        weight = next((self._source(name) for name in node.input[1:2] if self._source(name) in self.constants), "")
        if not weight.endswith(("weight", "_int8")):
            return node.name.removeprefix("node_") or node.op_type
        return weight.removesuffix("_int8").removeprefix("network.").replace(".weight", "")

    def _macs(self, node: NodeProto) -> int:
        """Of one node. Convolutions count what lies over their padding too, as is the custom."""
        if node.op_type == "Conv":
            return prod(self._sides(node.output[0])) * prod(self._sides(node.input[1])[1:])
        if node.op_type == "ConvTranspose":
            return prod(self._sides(node.input[0])) * prod(self._sides(node.input[1])[1:])
        if node.op_type in ("MatMul", "Gemm"):
            inner = self._sides(node.input[0])[0 if _attribute(node, "transA") else -1]
            return prod(self._sides(node.output[0])) * inner
        return 0

    def _sides(self, name: str) -> tuple[int, ...]:
        return self._tensor(name)[1]

    def _bytes(self, name: str) -> int:
        kind, sides = self._tensor(name)
        size = self.float_bytes if kind in FLOATS else helper.tensor_dtype_to_np_dtype(kind).itemsize
        return int(prod(sides) * size)

    def _tensor(self, name: str) -> tuple[int, tuple[int, ...]]:
        kind, sides = self.constants.get(name) or self.tensors.get(name, (0, (0,)))
        if not kind or any(side < 1 for side in sides):
            raise InputError(f"{self.path}: the shape of {name} in its graph is not fixed; export it again with `python -m engines.export`")
        return kind, sides

    @staticmethod
    def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
        return tuple(side.dim_value for side in value.type.tensor_type.shape.dim)


def _attribute(node: NodeProto, name: str) -> Any:
    return next((helper.get_attribute_value(attribute) for attribute in node.attribute if attribute.name == name), 0)
