"""Regions of feature maps as tensors of fixed shapes: RoIAlign, its inverse, and boxes.

All boxes are (..., 4) float32: left, top, right, bottom in pixels of the network's input, whose top left *corner* is (0, 0).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

OUTSIDE = 12.0
"""What a pasted mask has outside its box, negative: the logit of a probability that rounds to 0 of 255."""


def roi_align(maps: Tensor, boxes: Tensor, size: tuple[int, int], stride: int, samples: int = 2) -> Tensor:
    """RoIAlign (He et al. 2017, https://arxiv.org/abs/1703.06870): the mean of `samples` x `samples` bilinear samples in each bin of a box.

    It is what ONNX defines as RoiAlign from operator set 16 on, with `half_pixel` coordinates: no edge is moved by half a pixel. A sample
    more than one element outside the map counts as 0. In an exported graph it is that operator; here it is two products of matrices,
    since the samples of a box lie in rows and columns, which every processor does fast and forward as well as backward.

    Args:
        maps: (N, C, H, W).
        boxes: (N, K, 4).
        size: rows and columns of bins.
        stride: pixels of the input between two elements of `maps`.

    Returns:
        (N, K, C, rows, columns).
    """
    count, regions, channels = maps.shape[0], boxes.shape[1], maps.shape[1]
    if torch.onnx.is_in_onnx_export():
        numbers = torch.arange(count, device=maps.device).repeat_interleave(regions)
        attributes: dict[str, Any] = {"output_height": size[0], "output_width": size[1], "sampling_ratio": samples}
        aligned = torch.onnx.ops.symbolic(
            "RoiAlign",
            (maps.float(), boxes.reshape(-1, 4), numbers),  # it takes both of one type, and boxes need single precision
            attributes | {"spatial_scale": 1 / stride, "mode": "avg", "coordinate_transformation_mode": "half_pixel"},
            dtype=torch.float32,
            shape=(count * regions, channels, *size),
            version=16,
        )
        return aligned.reshape(count, regions, channels, *size).to(maps.dtype)
    rows = _sampling(boxes[..., 1] / stride, boxes[..., 3] / stride, size[0], samples, maps.shape[2])
    columns = _sampling(boxes[..., 0] / stride, boxes[..., 2] / stride, size[1], samples, maps.shape[3])
    # All rows of all boxes at once, then the columns of each: nothing is copied once a box.
    cut = rows.to(maps.dtype).flatten(1, 2) @ maps.transpose(1, 2).flatten(2)
    cut = cut.view(count, regions, size[0] * channels, -1) @ columns.to(maps.dtype).transpose(-1, -2)
    return cut.view(count, regions, size[0], channels, size[1]).transpose(2, 3)


def _sampling(start: Tensor, end: Tensor, bins: int, samples: int, length: int) -> Tensor:
    """The weight of each element of an axis in each bin: (N, K, bins, length), from where boxes start and end, (N, K), in elements."""
    steps = (torch.arange(bins * samples, device=start.device, dtype=start.dtype) + 0.5) / (bins * samples)
    at = start[..., None] + (end - start)[..., None] * steps - 0.5
    inside = ((at >= -1) & (at <= length)).to(at.dtype)
    weights = interpolation(at, length) * inside[..., None]
    return weights.view(*start.shape, bins, samples, length).mean(-2)


def interpolation(at: Tensor, length: int) -> Tensor:
    """Weights of linear interpolation: (..., length) for positions `at`, (...), clamped to the first and the last of `length` elements."""
    elements = torch.arange(length, device=at.device, dtype=at.dtype)
    return torch.relu(1 - (at.clamp(0, length - 1)[..., None] - elements).abs())


def paste(masks: Tensor, boxes: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """The inverse of RoIAlign: masks drawn where their boxes are, interpolated linearly.

    It, too, is two products of matrices, so that a graph needs no loop over the boxes and every engine has what it needs.

    Args:
        masks: (N, K, h, w) logits, float32 as the boxes, clamped here to `OUTSIDE` either way.
        boxes: (N, K, 4); no side shorter than `stride`.
        size: rows and columns of what is returned.
        stride: pixels of the input between two of its elements.

    Returns:
        (N, K, rows, columns) logits, -`OUTSIDE` beyond the boxes.
    """
    rows = _placing(boxes[..., 1], boxes[..., 3], masks.shape[2], size[0], stride)
    columns = _placing(boxes[..., 0], boxes[..., 2], masks.shape[3], size[1], stride)
    return rows @ (masks.clamp(-OUTSIDE, OUTSIDE) + OUTSIDE) @ columns.transpose(-1, -2) - OUTSIDE


def _placing(start: Tensor, end: Tensor, cells: int, length: int, stride: int) -> Tensor:
    """The weight of each of a mask's cells in each element of an axis: (N, K, length, cells)."""
    # From the middle of the axis: whole numbers up to 256 are exact in bf16, in which some engines calculate, greater ones are not.
    middle = length * stride / 2
    centres = stride * (torch.arange(length, device=start.device, dtype=start.dtype) + 0.5) - middle
    share = (centres - (start - middle)[..., None]) / (end - start)[..., None]
    inside = ((share >= 0) & (share <= 1)).to(share.dtype)
    return interpolation(share * cells - 0.5, cells) * inside[..., None]


def encode_boxes(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes as shifts and logarithms of scale from anchors, in their sizes (Girshick et al. 2014): (..., 4) each."""
    centre, size = _centre_and_size(boxes)
    anchor_centre, anchor_size = _centre_and_size(anchors)
    return torch.cat([(centre - anchor_centre) / anchor_size, torch.log(size / anchor_size)], dim=-1)


def decode_boxes(codes: Tensor, anchors: Tensor, most: float = 1.5) -> Tensor:
    """The inverse of `encode_boxes`; shifts and logarithms of scale are clamped to `most`, so that no box grows out of all bounds."""
    anchor_centre, anchor_size = _centre_and_size(anchors)
    clamped = codes.clamp(-most, most)
    centre = anchor_centre + clamped[..., :2] * anchor_size
    half = torch.exp(clamped[..., 2:]) * anchor_size / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def _centre_and_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of each box, (..., M, 4), with each other one, (..., L, 4): (..., M, L)."""
    one, other = boxes[..., :, None, :], others[..., None, :, :]
    sides = (torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])).clamp(min=0)
    both = sides.prod(-1)
    area, other_area = ((each[..., 2:] - each[..., :2]).prod(-1) for each in (one, other))
    return both / (area + other_area - both).clamp(min=1e-6)
