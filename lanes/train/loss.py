"""What a network is trained to make small."""

from __future__ import annotations

from collections.abc import Callable

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
    entropy = entropy_loss(logits, target, weight)
    probability = torch.sigmoid(logits)
    both = (probability * target * weight).sum()
    dice = 1 - (2 * both + 1) / ((probability * weight).sum() + (target * weight).sum() + 1)
    return ENTROPY_SHARE * entropy + dice


def entropy_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy alone over what the labels know, a mean a pixel. Arguments as for `lane_loss`; targets may lie between 0 and 1."""
    return (functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum() / weight.sum().clamp(min=1)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"entropy_dice": lane_loss, "entropy": entropy_loss}
"""Losses by name; each takes logits, target and weight, (N, 1, H, W) float all."""
