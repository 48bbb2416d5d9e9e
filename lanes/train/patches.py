"""How the patch classifier is taught: single patches, half of them of paint, as digits are taught."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.layers import RARE
from lanes.models.patch import PATCH, PatchClassifier
from lanes.train.batches import normalise
from lanes.train.task import Example, Task

PATCHES = 96
"""Patches a crop: half of paint, where there is so much; the others of anything else that the label knows."""


class PatchTask(Task):
    """Examples are crops with their masks, as for all networks; the loss is that of `PATCHES` patches of each."""

    def loss(self, network: LaneNetwork, batch: Example) -> Tensor:
        assert isinstance(network, PatchClassifier)
        pixels, target, weight = normalise((batch[0], batch[1], batch[2]))
        around = functional.pad(pixels, (PATCH // 2,) * 4)
        patches, labels = [], []
        for image, mask, known in zip(around, target[:, 0], weight[:, 0], strict=True):
            rows, columns = choose_pixels(mask, known)
            patches += [
                image[:, row : row + PATCH, column : column + PATCH] for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
            ]
            labels.append(mask[rows, columns])
        # Half of the patches are paint, few pixels of a frame are: without the shift the probability holds for frames (King and Zeng 2001).
        logits = network.classify(torch.stack(patches)) - RARE
        answers = torch.cat(labels)[:, None]
        return self.pixel_loss(logits, answers, torch.ones_like(answers))


def choose_pixels(mask: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of `PATCHES` pixels, half of them of paint where there is any, drawn from PyTorch's generator.

    Args:
        mask, known: (H, W) float, 1 = paint, 1 = the label knows.
    """
    paint, other = ((mask > 0.5) & (known > 0)).flatten().nonzero(), ((mask <= 0.5) & (known > 0)).flatten().nonzero()
    wanted = PATCHES // 2 if len(paint) and len(other) else PATCHES * bool(len(paint))
    chosen = torch.cat([_draw(paint, wanted), _draw(other, PATCHES - wanted)])[:, 0]
    return chosen // mask.shape[1], chosen % mask.shape[1]


def _draw(pixels: Tensor, count: int) -> Tensor:
    """`count` of the rows of `pixels`, with repetitions; none of none."""
    return pixels[torch.randint(len(pixels), (count,))] if len(pixels) else pixels
