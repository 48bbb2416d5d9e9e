"""What a network is trained to make small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ENTROPY_SHARE = 4.0
"""Weight of the cross-entropy beside the Dice loss."""


def lane_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice (Milletari et al. 2016, https://arxiv.org/abs/1606.04797) over what the labels know.

    Cross-entropy keeps the probability calibrated; Dice keeps a hundredth of paint from drowning in road. Each pixel enters every sum
    once by its weight, so that the loss falls wherever a probability moves towards its target, whatever the weights are.

    Args:
        logits: (N, 1, H, W) float.
        target: (N, 1, H, W) float, 1 where there is paint, else 0.
        weight: (N, 1, H, W) float, 0 (not known) to 1.

    Returns:
        A scalar, 0 for a perfect and certain prediction.
    """
    known = weight.sum().clamp(min=1)
    entropy = (functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum() / known
    probability = torch.sigmoid(logits)
    both = (probability * target * weight).sum()
    dice = 1 - (2 * both + 1) / ((probability * weight).sum() + (target * weight).sum() + 1)
    return ENTROPY_SHARE * entropy + dice
