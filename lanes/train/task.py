"""What a network learns from an image: how a labelled frame becomes an example, and what is to be made small.

This is the one thing in which the trainings of networks differ. `Network.task` names a class of this kind; a network that learns from
sequences or from instances has one of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from numpy.random import Generator
from torch import Tensor

from lanes.data.augment import Sample
from lanes.models import Network
from lanes.models.base import LaneNetwork
from lanes.train.batches import normalise, to_tensors
from lanes.train.loss import LOSSES

if TYPE_CHECKING:
    from lanes.train.loaders import TrainingStream

Example: TypeAlias = tuple[Tensor, ...]
"""Tensors of one example; a batch of them is stacked tensor by tensor."""

Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes logits, target and weight, (N, 1, H, W) float all, and gives a scalar."""


class Task:
    """Examples are crops with their masks, and the loss is one over pixels.

    Args:
        loss: over logits, target and weight.
    """

    def __init__(self, loss: Loss) -> None:
        self.pixel_loss = loss

    def example(self, frame: Sample, stream: TrainingStream, rng: Generator) -> Example:
        """One example from a frame, real or rendered, of any size, that lies as the camera saw it.

        Here: pixels (3, H, W) uint8 RGB, target and weight (1, H, W) uint8, 0 to 255, of the stream's crop.

        Args:
            frame: what the stream drew.
            stream: has the augmentation (`view`, `light`), the crop and the model's transform.
            rng: all that is random comes from it.
        """
        view = stream.view(frame, rng)
        return to_tensors(Sample(stream.light(view.pixels, rng), view.target, view.weight))

    def loss(self, network: LaneNetwork, batch: Example) -> Tensor:
        """The loss of a batch of examples, as they were made, on the network's device. A scalar with a gradient."""
        pixels, target, weight = batch
        pixels, target, weight = normalise((pixels, target, weight))
        return self.pixel_loss(network(pixels), target, weight)


def make_task(network: Network) -> Task:
    """The task of a network, with its loss."""
    module, name = network.task.split(":")
    task: Task = getattr(import_module(module), name)(LOSSES[network.loss])
    return task
