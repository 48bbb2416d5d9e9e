"""How a network is trained: what a checkpoint keeps, so that a run can be described and repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"AdamW": torch.optim.AdamW}
"""Optimisers by name; each takes groups of parameters with `lr` and `weight_decay`."""

WEIGHT_DECAY = 0.02
"""Of convolutions, a step and learning rate."""


@dataclass(frozen=True)
class Recipe:
    """A training, but for its data.

    Attributes:
        network: architecture and arguments, as `lanes.models.registry.create_model` takes them.
        size: width and height of the model's input, pixels.
        crop: the same of the training examples.
        steps: length of the schedule: a short linear warm-up, then half a cosine down to nothing.
        batch: examples a step, on each device.
        learning_rate: the highest that the optimiser gets.
        seed: of the examples and of the initial weights.
        precision: Lightning's name of it.
        loss: a name of `lanes.train.loss.LOSSES`.
        optimiser: a name of `OPTIMISERS`.
        weight_decay: of convolutions; batch norms and biases are not pulled to nothing.
        pretrained_rate: learning rate of pretrained parameters, in that of those that start from nothing.
        averaging: decay a step of the exponential moving average of the weights, which is what is kept.
    """

    network: dict[str, Any]
    size: tuple[int, int]
    crop: tuple[int, int]
    steps: int
    batch: int
    learning_rate: float
    seed: int
    precision: str
    loss: str = "entropy_dice"
    optimiser: str = "AdamW"
    weight_decay: float = WEIGHT_DECAY
    pretrained_rate: float = 0.25
    averaging: float = 0.998

    def to_dict(self) -> dict[str, Any]:
        """The same in JSON's types, for a checkpoint."""
        return asdict(self) | {"size": list(self.size), "crop": list(self.crop)}
