"""Models and frames for the tests of engines and calibration, all made here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engines.model_file import METADATA_KEY, ModelMetadata
from lanes.models import IMAGE_MEAN, IMAGE_STD
from lanes.models.base import LaneNetwork
from lanes.models.unet import UNet
from lanes.segment.transform import FrameTransform

WIDTH, HEIGHT = 192, 96
AGREEMENT = {"fp32": 0.99, "bf16": 0.97, "int8": 0.90}
"""Least IoU of thresholded masks with fp32 torch. int8 is calibrated carelessly here: it is the engines that are tested."""


def draw_roads(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pictures, (N, H, W, 3) uint8 BGR, of white and yellow lines on grey noise, and where the lines are, (N, H, W) 0 or 255."""
    rng = np.random.default_rng(seed)
    pictures = rng.normal(90, 12, (count, HEIGHT, WIDTH, 3)) + rng.uniform(-40, 40, (count, 1, 1, 1))
    masks = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    for picture, mask in zip(pictures, masks, strict=True):
        for foot in rng.uniform(0, WIDTH, 3):
            cv2.line(mask, (int(foot), HEIGHT), (int(WIDTH / 2 + (foot - WIDTH / 2) * 0.3), HEIGHT // 3), 255, 4)
        picture[mask > 0] = (60, 210, 230) if rng.random() < 0.3 else (225, 225, 225)
    return pictures.clip(0, 255).astype(np.uint8), masks


def train_tiny_network() -> UNet:
    """A U-Net of 3 levels that has seen drawn lines for some seconds: logits with the structure of a real network's."""
    torch.manual_seed(1)
    network = UNet((8, 16, 32), stem_stride=2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    pictures, masks = draw_roads(64, seed=1)
    rgb = torch.from_numpy(pictures[..., ::-1].copy()).permute(0, 3, 1, 2) / 255
    inputs = (rgb - torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGE_STD).view(1, 3, 1, 1)
    targets = torch.from_numpy(masks)[:, None] / 255
    for step in range(60):
        batch = torch.arange(8 * step, 8 * step + 8) % len(inputs)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.eval()
    return network


def quantise(source: Path, target: Path) -> None:
    """Writes an int8 version with Q/DQ nodes, symmetric and per channel: the kind that every engine takes."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Frames(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.frames = iter(draw_roads(8, seed=3)[0])

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            frame = next(self.frames, None)
            return None if frame is None else {"frames": frame[None]}

    quantize_static(
        source,
        target,
        Frames(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv"],
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
    )
    proto = onnx.load(target)
    metadata = ModelMetadata.from_json(next(entry.value for entry in onnx.load(source).metadata_props if entry.key == METADATA_KEY))
    helper.set_model_props(proto, {METADATA_KEY: ModelMetadata(**(vars(metadata) | {"precision": "int8"})).to_json()})
    onnx.save(proto, target)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 1.0


METADATA = ModelMetadata("made", FrameTransform(16, 8), 0.5, ["lane"], "fp32", "green", [], [], {})


def save_model(path: Path, takes: dict[str, Any], gives: dict[str, Any], nodes: list[onnx.NodeProto], **metadata: Any) -> Path:
    """A model file of nodes; its tensors are name -> (element type, shape), and nodes may read the constants `green`, `half` and `one`."""
    constants = [
        numpy_helper.from_array(np.array(1, np.int64), "green"),
        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
        numpy_helper.from_array(np.array(1, np.float32), "one"),
    ]
    ends = [[helper.make_tensor_value_info(name, *kind) for name, kind in side.items()] for side in (takes, gives)]
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(nodes, "made", *ends, [constant for constant in constants if constant.name in read])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(proto, {METADATA_KEY: replace(METADATA, **metadata).to_json()})
    onnx.save(proto, path)
    return path


FRAMES, MAP = (TensorProto.UINT8, ["N", 8, 16, 3]), (TensorProto.UINT8, ["N", 8, 16])


def save_running_average(path: Path, **metadata: Any) -> Path:
    """A model with two states: a running average of the green channel, which is its lane probability, and the number of its runs."""
    average, runs = (TensorProto.FLOAT, ["N", 8, 16]), (TensorProto.FLOAT, [1])
    nodes = [
        helper.make_node("Cast", ["frames"], ["values"], to=TensorProto.FLOAT),  # first of all: TensorRT takes uint8 nowhere else
        helper.make_node("Gather", ["values", "green"], ["greens"], axis=3),
        helper.make_node("Add", ["greens", "average"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["next_average"]),
        helper.make_node("Add", ["runs", "one"], ["next_runs"]),
        helper.make_node("Cast", ["next_average"], ["probability"], to=TensorProto.UINT8),
        helper.make_node("Mul", ["next_runs", "one"], ["count"]),
    ]
    return save_model(
        path,
        {"frames": FRAMES, "average": average, "runs": runs},
        {"probability": MAP, "count": runs, "next_average": average, "next_runs": runs},
        nodes,
        state={"average": "next_average", "runs": "next_runs"},
        outputs={"count": "runs so far"},
        **metadata,
    )


class RunningAverage(LaneNetwork):
    """The same for PyTorch."""

    arch = "running_average"

    def __init__(self) -> None:
        super().__init__({})

    def deploy(self) -> RunningAverage:
        return self

    def forward(self, frames: torch.Tensor, average: torch.Tensor, runs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        average, runs = (frames[..., 1].float() + average) * 0.5, runs + 1
        return average.to(torch.uint8), runs.clone(), average, runs


def save_two_outputs(path: Path) -> Path:
    """A stateless model that gives the green channel, and the mean of each channel beside it."""
    nodes = [
        helper.make_node("Cast", ["frames"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["values", "green"], ["greens"], axis=3),
        helper.make_node("Cast", ["greens"], ["probability"], to=TensorProto.UINT8),
        helper.make_node("ReduceMean", ["values"], ["means"], axes=[1, 2], keepdims=0),
    ]
    return save_model(
        path,
        {"frames": FRAMES},
        {"means": (TensorProto.FLOAT, ["N", 3]), "probability": MAP},
        nodes,
        outputs={"means": "mean of each channel"},
    )


class TwoOutputs(LaneNetwork):
    """The same for PyTorch."""

    arch = "two_outputs"

    def __init__(self) -> None:
        super().__init__({})

    def deploy(self) -> TwoOutputs:
        return self

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return frames.float().mean((1, 2)), frames[..., 1].clone()
