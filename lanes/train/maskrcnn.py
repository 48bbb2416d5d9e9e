"""How Mask R-CNN is taught: where lines may be, what their boxes are, whether a region holds one, and which of it is paint.

Four losses, added up: focal loss for the anchors' objectness, smooth L1 for their boxes, cross-entropy for the score of a region, and
cross-entropy with Dice for the mask of one that holds a line. Regions looked into are those around labelled lines, shifted a little, and
those that the network itself proposes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from lanes.data.augment import Sample
from lanes.geometry.instances import label_instances
from lanes.models.base import LaneNetwork
from lanes.models.maskrcnn import DIRECTIONS, PROPOSAL_STRIDE, REGION, MaskRcnn
from lanes.models.regions import encode_boxes, roi_align
from lanes.train.batches import normalise_pixels
from lanes.train.instances import BEST, NOTHING, Lines, line_boxes, match
from lanes.train.loss import lane_loss
from lanes.train.task import Example, Task

if TYPE_CHECKING:
    from lanes.train.loaders import TrainingStream

SHIFTED, PROPOSED = 4, 4
"""Regions of an example that are looked into: around labelled lines, and of the network's own proposals."""

SHIFT = 0.1
"""Greatest shift of each side of the former, in the box's size."""

FOCUS = 2.0
"""Exponent of the focal loss: how much less an anchor counts the more certain the network is of it already."""


@dataclass(frozen=True)
class Labels:
    """What is known of a batch.

    Attributes:
        instances: (N, 1, H, W) uint8, the number of the line that a pixel is of, from 1.
        weight: (N, 1, H, W) float, 0 (not known) to 1.
        lines: boxes and directions of the lines.
    """

    instances: Tensor
    weight: Tensor
    lines: Lines


def focal_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of what is not certain yet (Lin et al. 2017, https://arxiv.org/abs/1708.02002), in sum over the number of positives.

    Args:
        logits, target, weight: of one shape; target 0 or 1.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    wrong = (torch.sigmoid(logits) - target).abs()
    return (weight * wrong**FOCUS * entropy).sum() / (weight * target).sum().clamp(min=1)


class MaskRcnnTask(Task):
    """Examples are crops with the lines in them; see the module."""

    def example(self, frame: Sample, stream: TrainingStream, rng: Generator) -> Example:
        """Pixels (3, H, W) uint8 RGB; instances and weight (1, H, W) uint8; boxes and directions (L, 5) float32, see `line_boxes`."""
        pixels, target, weight = super().example(frame, stream, rng)
        paint = target[0].numpy()
        instances, boxes = line_boxes(label_instances(np.where(paint > 127, 255, 0).astype(np.uint8)))
        # Paint of no line: an arrow, or too little of a line to tell. No region is to hold it, and no mask need leave it out.
        weight[0][torch.from_numpy((paint > 0) & (instances == 0))] = 0
        return pixels, torch.from_numpy(instances)[None], weight, torch.from_numpy(boxes)

    def loss(self, network: LaneNetwork, batch: Example) -> Tensor:
        """The sum of the four losses."""
        assert isinstance(network, MaskRcnn)
        pixels, instances, weight, boxes = batch
        labels = Labels(instances, weight.float() / 255, Lines(boxes[..., :4], boxes[..., 4]))
        coarse, fine = network.features(normalise_pixels(pixels))
        return proposal_loss(network, coarse, labels) + region_loss(network, fine, *choose_regions(network, coarse, labels), labels)


def proposal_loss(network: MaskRcnn, coarse: Tensor, labels: Labels) -> Tensor:
    """Objectness of all anchors, and the boxes of those that hold a line."""
    height, width = coarse.shape[-2:]
    logits, codes = network.rank(coarse)
    anchors = network.anchors(height, width).to(codes)
    direction = torch.tensor(DIRECTIONS, device=codes.device).repeat_interleave(len(anchors) // len(DIRECTIONS))
    found = match(labels.lines, anchors, direction, BEST)
    holds = found >= 0
    known = functional.avg_pool2d(labels.weight, PROPOSAL_STRIDE).flatten(1) > 0.5
    known = known.repeat(1, len(anchors) // (height * width))
    objectness = focal_loss(logits, holds.float(), (holds | ((found == NOTHING) & known)).float())
    image, anchor = torch.nonzero(holds, as_tuple=True)
    wanted = encode_boxes(labels.lines.boxes[image, found[holds]], anchors[anchor])
    return objectness + functional.smooth_l1_loss(codes[holds], wanted, beta=0.1, reduction="sum") / (4 * max(1, len(image)))


@torch.no_grad()
def choose_regions(network: MaskRcnn, coarse: Tensor, labels: Labels) -> tuple[Tensor, Tensor]:
    """Regions to look into: (N, R, 4) boxes and (N, R) -1 or 1, the direction of the line in each."""
    lines = labels.lines
    proposed, leaning = network.propose(coarse)
    # As many of an image's lines as it has, in any order, and again from the first.
    order = torch.rand_like(lines.direction).masked_fill(lines.direction == 0, 2).argsort(1)
    count = (lines.direction != 0).sum(1, keepdim=True)
    drawn = order.gather(1, torch.arange(SHIFTED, device=order.device) % count.clamp(min=1))
    boxes = lines.boxes.gather(1, drawn[..., None].expand(-1, -1, 4))
    size = (boxes[..., 2:] - boxes[..., :2]).repeat(1, 1, 2)
    boxes = boxes + size * SHIFT * (2 * torch.rand_like(size) - 1)
    direction = torch.where(lines.direction.gather(1, drawn) < 0, -1.0, 1.0)
    # An image without lines gives more proposals instead.
    boxes = torch.where(count[..., None] > 0, boxes, proposed[:, -SHIFTED:])
    direction = torch.where(count > 0, direction, leaning[:, -SHIFTED:])
    return torch.cat([boxes, proposed[:, :PROPOSED]], dim=1), torch.cat([direction, leaning[:, :PROPOSED]], dim=1)


def region_loss(network: MaskRcnn, fine: Tensor, boxes: Tensor, direction: Tensor, labels: Labels) -> Tensor:
    """Score and mask of regions, (N, R, 4) boxes and (N, R) directions."""
    scores, masks = (logits.float() for logits in network.look_into(fine, boxes, direction))
    found = match(labels.lines, boxes, direction)
    holds = found >= 0
    known = roi_align(labels.weight, boxes, (3, 3), 1).mean((2, 3, 4)) > 0.5
    weight = (holds | ((found == NOTHING) & known)).float()
    entropy = functional.binary_cross_entropy_with_logits(scores, holds.float(), weight, reduction="sum") / weight.sum().clamp(min=1)
    if not holds.any():
        return entropy + 0 * masks.sum()
    image, _ = torch.nonzero(holds, as_tuple=True)
    paint = (labels.instances[image] == (found[holds] + 1).view(-1, 1, 1, 1)).float()
    size = (2 * REGION[0], 2 * REGION[1])
    target, certain = (roi_align(maps, boxes[holds][:, None], size, 1)[:, 0] for maps in (paint, labels.weight[image]))
    return entropy + lane_loss(masks[holds][:, None], target, certain)
