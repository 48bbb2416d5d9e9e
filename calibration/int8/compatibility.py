"""The rules by which one quantised file serves TensorRT, OpenVINO and ONNX Runtime alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from lanes.errors import InputError

HINT = "quantise the fp32 file with `python -m calibration.int8`"


def check_compatibility(path: Path) -> None:
    """Checks that all quantisation in an ONNX file is by Q/DQ nodes, symmetric, signed and with no quantised bias.

    TensorRT's parser takes nothing else (a zero-point other than 0, UINT8 and INT32 are errors in it), and its messages do
    not say what to do.

    Raises:
        InputError: a node breaks a rule; it is named.
    """
    graph = onnx.load(path).graph
    constants = {weight.name: weight for weight in graph.initializer}
    for node in graph.node:
        if wrong := _what_is_wrong(node, constants):
            raise InputError(f"{path}: the node {node.name or node.output[0]} {wrong}, which TensorRT does not take: {HINT}")


def _what_is_wrong(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> str | None:
    if node.op_type.startswith("QLinear") or node.op_type.endswith("Integer") or node.op_type == "DynamicQuantizeLinear":
        return f"is a {node.op_type}, not plain Q/DQ"
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return None
    quantised = constants.get(node.input[0])
    if quantised is not None and quantised.data_type == TensorProto.INT32:
        return "has a quantised bias (INT32)"
    if node.input[1] not in constants:
        return "has a scale that is calculated while running"
    if len(node.input) < 3 or not node.input[2]:
        # Without a zero-point, quantised values are UINT8 by definition.
        return "quantises to UINT8" if node.op_type == "QuantizeLinear" else None
    zero_point = constants.get(node.input[2])
    if zero_point is None:
        return "has a zero-point that is calculated while running"
    if zero_point.data_type != TensorProto.INT8:
        return f"quantises to {TensorProto.DataType.Name(zero_point.data_type)}"
    if np.any(onnx.numpy_helper.to_array(zero_point)):
        return "has a zero-point other than 0"
    return None
