"""What one engine or another would not take is refused with the node's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from calibration.int8.compatibility import check_compatibility
from calibration.int8.report import CalibrationReport
from lanes.errors import InputError


def first_of(graph: onnx.GraphProto, kind: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(node for node in graph.node if node.op_type == kind)
    return found


def set_zero_point(graph: onnx.GraphProto, node: onnx.NodeProto, value: NDArray[np.generic]) -> None:
    zero_point = next(constant for constant in graph.initializer if constant.name == node.input[2])
    zero_point.CopyFrom(numpy_helper.from_array(value, zero_point.name))


def with_zero_point(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "QuantizeLinear")
    set_zero_point(graph, node, np.array(3, np.int8))
    return node


def with_uint8(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "QuantizeLinear")
    set_zero_point(graph, node, np.array(0, np.uint8))
    return node


def with_no_zero_point(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "QuantizeLinear")
    del node.input[2:]
    return node


def with_int32_bias(graph: onnx.GraphProto) -> onnx.NodeProto:
    convolution = next(node for node in graph.node if node.op_type == "Conv" and len(node.input) > 2)
    bias = next(constant for constant in graph.initializer if constant.name == convolution.input[2])
    scale = next(node for node in graph.node if node.output[0] == convolution.input[1]).input[1]
    graph.initializer.append(numpy_helper.from_array(np.zeros(bias.dims, np.int32), "bias_int32"))
    node: onnx.NodeProto = onnx.helper.make_node("DequantizeLinear", ["bias_int32", scale], ["bias_dequantised"], name="bias_of_it", axis=0)
    graph.node.insert(0, node)
    convolution.input[2] = "bias_dequantised"
    return node


def with_integer_operator(graph: onnx.GraphProto) -> onnx.NodeProto:
    node = first_of(graph, "Conv")
    node.op_type = "QLinearConv"
    return node


@pytest.mark.parametrize(
    ("breach", "message"),
    [
        (with_zero_point, "zero-point other than 0"),
        (with_uint8, "UINT8"),
        (with_no_zero_point, "UINT8"),
        (with_int32_bias, "INT32"),
        (with_integer_operator, "QLinearConv"),
    ],
)
def test_what_tensorrt_does_not_take_is_named(
    breach: Callable[[onnx.GraphProto], onnx.NodeProto], message: str, result: tuple[CalibrationReport, Path], tmp_path: Path
) -> None:
    proto = onnx.load(result[1])
    node = breach(proto.graph)
    onnx.save(proto, tmp_path / "broken.onnx")
    with pytest.raises(InputError, match=message) as raised:
        check_compatibility(tmp_path / "broken.onnx")
    assert node.name in str(raised.value)
    assert "broken.onnx" in str(raised.value)
