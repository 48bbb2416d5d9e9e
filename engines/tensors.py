"""What goes into a model and what comes out: tensors with a name, a shape and a type."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

TYPES: dict[int, type[Any]] = {
    TensorProto.UINT8: np.uint8,
    TensorProto.INT8: np.int8,
    TensorProto.INT32: np.int32,
    TensorProto.INT64: np.int64,
    TensorProto.FLOAT16: np.float16,
    TensorProto.FLOAT: np.float32,
    TensorProto.BOOL: np.bool_,
}
"""The element types that every engine takes at a model's ends."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor as an engine has it.

    Attributes:
        name: in the model's graph.
        shape: of every array that is given or returned under this name.
        dtype: of its elements.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def zeros(self) -> NDArray[Any]:
        """A new array of this kind, filled with 0."""
        return np.zeros(self.shape, self.dtype)

    def check(self, array: NDArray[Any]) -> None:
        """Raises ValueError where an array is not of this kind, or not C-contiguous."""
        if array.shape != self.shape or array.dtype != self.dtype or not array.flags.c_contiguous:
            layout = "" if array.flags.c_contiguous else ", not contiguous"
            raise ValueError(
                f"{self.name}: expected a contiguous {self.dtype} array of shape {self.shape}, got {array.dtype} {array.shape}{layout}"
            )


@dataclass(frozen=True, slots=True)
class GraphTensor:
    """A tensor as a model file has it.

    Attributes:
        name: in the graph.
        shape: None for a side of any length.
        element_type: a number of ONNX's TensorProto.DataType.
    """

    name: str
    shape: tuple[int | None, ...]
    element_type: int

    @classmethod
    def read(cls, value: onnx.ValueInfoProto) -> GraphTensor:
        """From an input or an output of a graph."""
        tensor = value.type.tensor_type
        shape = tuple(side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim)
        return cls(value.name, shape, tensor.elem_type)

    def at_batch(self, batch: int) -> TensorSpec:
        """With the first side, where it is of any length, fixed to `batch`."""
        first, *others = self.shape
        sides = [side for side in others if side is not None]
        return TensorSpec(self.name, (batch if first is None else first, *sides), np.dtype(TYPES[self.element_type]))

    def __str__(self) -> str:
        sides = ", ".join("N" if side is None else str(side) for side in self.shape)
        return f"{TensorProto.DataType.Name(self.element_type).lower()} ({sides})"


Interface = tuple[tuple[GraphTensor, ...], tuple[GraphTensor, ...]]
"""Inputs and outputs of a graph, state included, in the graph's order."""


def image_to_map(height: int, width: int, batch: int | None = None) -> Interface:
    """The least interface: `frames`, uint8 (N, height, width, 3) BGR, to `probability`, uint8 (N, height, width)."""
    frames = GraphTensor("frames", (batch, height, width, 3), TensorProto.UINT8)
    return (frames,), (GraphTensor("probability", (batch, height, width), TensorProto.UINT8),)


def read_interface(graph: onnx.GraphProto, size: tuple[int, int], state: Mapping[str, str], further: Collection[str]) -> Interface:
    """Inputs and outputs of a model's graph, checked against what its metadata declares.

    Args:
        graph: of the model.
        size: height and width of the images it takes.
        state: the input of each state tensor, and the output that is its next value.
        further: outputs besides the lane probability and the state.

    Raises:
        ValueError: with what is wrong, in words.
    """
    weights = {weight.name for weight in graph.initializer}
    inputs = tuple(GraphTensor.read(value) for value in graph.input if value.name not in weights)
    outputs = tuple(GraphTensor.read(value) for value in graph.output)
    height, width = size
    images = [tensor for tensor in inputs if tensor.name not in state]
    if len(images) != 1 or images[0].element_type != TensorProto.UINT8 or images[0].shape[1:] != (height, width, 3):
        raise ValueError(f"takes {_list(images)}, not images, uint8 (N, {height}, {width}, 3)")
    maps = [tensor for tensor in outputs if tensor.name not in further and tensor.name not in state.values()]
    if len(maps) != 1 or maps[0].element_type != TensorProto.UINT8 or maps[0].shape[1:] != (height, width):
        raise ValueError(f"gives {_list(maps)}, not lane probability, uint8 (N, {height}, {width})")
    by_name = {tensor.name: tensor for tensor in (*inputs, *outputs)}
    for name in (*state, *state.values(), *further):
        if name not in by_name:
            raise ValueError(f"has no tensor {name!r}, which its metadata declares")
    for tensor in (*inputs, *outputs):
        if tensor.element_type not in TYPES or not tensor.shape or None in tensor.shape[1:]:
            raise ValueError(f"has a tensor {tensor.name}, {tensor}: every side but the first must be fixed, and every type plain")
    for given, result in state.items():
        one, other = by_name[given], by_name[result]
        if (one.shape, one.element_type) != (other.shape, other.element_type):
            raise ValueError(f"has a state {given}, {one}, whose next value {result} is {other}: they must be alike")
    return inputs, outputs


def _list(tensors: Sequence[GraphTensor]) -> str:
    return " and ".join(map(str, tensors)) or "nothing"
