"""How a network with a small output is taught: on ground truth of that size."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.fcn_pooled import PooledFCN
from lanes.train.batches import normalise
from lanes.train.task import Example, Task


class PooledTask(Task):
    """Examples are crops with their masks; the ground truth of an element is the share of paint in what is known of its pixels."""

    def loss(self, network: LaneNetwork, batch: Example) -> Tensor:
        assert isinstance(network, PooledFCN)
        pixels, target, weight = normalise((batch[0], batch[1], batch[2]))
        known = functional.avg_pool2d(weight, network.divisor)
        share = functional.avg_pool2d(target * weight, network.divisor) / known.clamp(min=1e-6)
        return self.pixel_loss(network.small(pixels), share, known)
