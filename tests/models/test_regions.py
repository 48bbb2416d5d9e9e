"""RoIAlign, its inverse and boxes: equal to ONNX's operator in three engines, and to the definitions on cases made by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.models.regions import OUTSIDE, box_iou, decode_boxes, encode_boxes, paste, roi_align  # noqa: E402

MAP, STRIDE, BINS = (10, 16), 4, (6, 8)
BOXES = {
    "inside": (8, 8, 40, 30),
    "over the top left corner": (-9, -7, 20, 22),
    "over the bottom right corner": (40, 20, 75, 50),
    "wider than the image": (-30, 10, 100, 20),
    "the last element": (60, 38, 64, 40),
    "outside": (-20, -20, -9, -10),
    "smaller than an element": (3.3, 5.7, 6.1, 7.2),
}


def operator() -> ModelProto:
    """RoiAlign of operator set 16 by itself."""
    attributes = {"sampling_ratio": 2, "spatial_scale": 1 / STRIDE, "mode": "avg", "coordinate_transformation_mode": "half_pixel"}
    node = helper.make_node("RoiAlign", ["maps", "boxes", "images"], ["bins"], output_height=BINS[0], output_width=BINS[1], **attributes)
    inputs = [("maps", TensorProto.FLOAT, [2, 3, *MAP]), ("boxes", TensorProto.FLOAT, ["R", 4]), ("images", TensorProto.INT64, ["R"])]
    outputs = [helper.make_tensor_value_info("bins", TensorProto.FLOAT, ["R", 3, *BINS])]
    graph = helper.make_graph([node], "roi_align", [helper.make_tensor_value_info(*each) for each in inputs], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def by_onnx(feed: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    (bins,) = onnxruntime.InferenceSession(operator().SerializeToString()).run(None, feed)
    return np.asarray(bins)


def by_openvino(feed: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(operator().SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(next(iter(compiled(feed).values())))


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
@pytest.mark.parametrize("engine", [by_onnx, by_openvino])
def test_two_products_of_matrices_are_the_operator(engine: Callable[..., NDArray[np.float32]], box: tuple[float, ...]) -> None:
    maps = torch.randn(2, 3, *MAP, generator=torch.Generator().manual_seed(1))
    boxes = torch.tensor([[box], [box]], dtype=torch.float32) + torch.tensor([0.0, 0.3]).view(2, 1, 1)
    expected = engine({"maps": maps.numpy(), "boxes": boxes.view(2, 4).numpy(), "images": np.arange(2)})
    np.testing.assert_allclose(roi_align(maps, boxes, BINS, STRIDE)[:, 0].numpy(), expected, atol=1e-5)


def test_a_plane_is_sampled_at_the_middle_of_each_bin() -> None:
    """On a map of its own x, the mean of a bin is the x of its middle: no half pixel is lost."""
    x = (torch.arange(32.0) + 0.5).expand(1, 1, 20, 32) * 8
    bins = roi_align(x, torch.tensor([[[40.0, 24, 104, 88]]]), (4, 8), 8)
    torch.testing.assert_close(bins[0, 0, 0], (40 + 8 * (torch.arange(8.0) + 0.5)).expand(4, 8))


def test_a_pasted_mask_covers_its_box_and_nothing_else() -> None:
    masks = torch.full((1, 1, 6, 8), 5.0)
    pasted = paste(masks, torch.tensor([[[8.0, 4, 40, 20]]]), (16, 32), 2)[0, 0]
    assert (pasted[2:10, 4:20] == 5).all()
    pasted[2:10, 4:20] = -OUTSIDE
    assert (pasted == -OUTSIDE).all()


def test_what_is_cut_out_and_pasted_again_is_what_was_there() -> None:
    y, x = torch.meshgrid(torch.linspace(-3, 3, 40), torch.linspace(-3, 3, 64), indexing="ij")
    smooth = (2 * torch.sin(x) + y)[None, None]
    box = torch.tensor([[[13.0, 9, 101, 67]]])
    again = paste(roi_align(smooth, box, (40, 60), 2)[:, :, 0], box, (40, 64), 2)
    torch.testing.assert_close(again[0, 0, 6:32, 8:49], smooth[0, 0, 6:32, 8:49], atol=0.02, rtol=0)


def test_a_mask_that_crosses_the_border_is_cut_off_there() -> None:
    masks = torch.full((1, 1, 4, 4), 1.0)
    pasted = paste(masks, torch.tensor([[[-16.0, -8, 16, 8]]]), (8, 16), 2)[0, 0]
    assert (pasted[:4, :8] == 1).all()
    assert (pasted[4:] == -OUTSIDE).all()
    assert (pasted[:, 8:] == -OUTSIDE).all()


sides = st.floats(8, 200)


@given(st.floats(-50, 500), st.floats(-50, 200), sides, sides, sides, sides)
def test_a_box_decoded_is_the_box_encoded(x: float, y: float, width: float, height: float, wide: float, high: float) -> None:
    anchor = torch.tensor([[100.0, 50, 100 + wide, 50 + high]], dtype=torch.float64)
    box = torch.tensor([[x, y, x + width, y + height]], dtype=torch.float64)
    torch.testing.assert_close(decode_boxes(encode_boxes(box, anchor), anchor, most=1e6), box)


def test_no_box_grows_out_of_all_bounds() -> None:
    box = decode_boxes(torch.full((1, 4), 1e4), torch.tensor([[0.0, 0, 10, 10]]))
    assert torch.isfinite(box).all()
    assert (box[0, 2:] - box[0, :2]).max() < 50


def test_overlap_of_boxes() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    others = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [0, 0, 0, 0]])
    torch.testing.assert_close(box_iou(boxes, others), torch.tensor([[1.0, 1 / 3, 0], [0, 0, 0]]))
