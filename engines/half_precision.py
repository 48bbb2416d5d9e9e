"""fp16 models for engines that calculate in fp32: the same weights, so that a model need be stored only once, in half the bytes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto


def widen(proto: onnx.ModelProto) -> None:
    """Turns every number of half precision in a graph into one of single precision, which is exact."""
    for weight in proto.graph.initializer:
        _widen_tensor(weight)
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _widen_tensor(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT


def _widen_tensor(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
