"""A network with its loss, its optimiser and what is counted in validation, as Lightning trains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor

from lanes.evaluate.probability import LEVELS, LevelCounts
from lanes.models.base import LaneNetwork
from lanes.models.build import build_network
from lanes.train.batches import Batch, normalise
from lanes.train.loss import LOSSES
from lanes.train.recipe import OPTIMISERS, Recipe
from lanes.train.task import Example, Task
from lanes.train.threshold import choose_threshold, count_batch

HISTOGRAMS = [field.name for field in fields(LevelCounts) if field.name != "frames"]
LOSS, BATCHES = len(HISTOGRAMS) * LEVELS, len(HISTOGRAMS) * LEVELS + 1
"""Where a row of sums has the losses, and how many they were: behind the histograms."""


class LaneTraining(lightning.LightningModule):
    """Trains a network by a recipe.

    Args:
        recipe: how.
        validated: names of the validation loaders, in order, each `PART/SOURCE`: `val` is validated on, `seen` was trained on, and the
            threshold is chosen on `threshold`.
        metadata: what the model file will say of the network, as `ModelMetadata` has it. Its threshold is set at each validation.
        task: what it learns from; by default crops and their masks.
    """

    def __init__(self, recipe: Recipe, validated: Sequence[str], metadata: dict[str, Any], task: Task | None = None) -> None:
        super().__init__()
        # Channels last is what convolutions on a CPU, and tensor cores, want.
        network = build_network(recipe.network)
        self.network: LaneNetwork = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe = recipe
        self.loss = LOSSES[recipe.loss]
        self.task = task or Task(self.loss)
        self.validated = list(validated)
        self.metadata = metadata
        self.sums = np.zeros((len(self.validated), BATCHES + 1))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # So that `engines.export` and `--weights` take a checkpoint of a run that was stopped early.
        checkpoint |= {"network": self.network.config, "metadata": self.metadata, "recipe": self.recipe.to_dict()}

    def training_step(self, batch: Example) -> Tensor:
        loss = self.task.loss(self.network, batch)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        self.sums[:] = 0

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:  # noqa: ARG002 - Lightning gives it
        pixels, target, weight = normalise(batch)
        logits = self.network(pixels)
        counts = count_batch(logits, target, weight)
        row = self.sums[dataloader_idx]
        row[:LOSS] += np.concatenate([getattr(counts, name) for name in HISTOGRAMS])
        row[LOSS:] += (self.loss(logits, target, weight).item(), 1)

    def on_validation_epoch_end(self) -> None:
        # With several GPUs each has validated its share.
        device = "cpu" if self.device.type == "mps" else self.device  # MPS has no float64
        sums = self.trainer.strategy.reduce(torch.tensor(self.sums, dtype=torch.float64, device=device), reduce_op="sum").cpu().numpy()
        counts = [LevelCounts(1, *row[:LOSS].astype(np.int64).reshape(-1, LEVELS)) for row in sums]
        self.metadata["threshold"] = choose_threshold([counts[index] for index in self._loaders("threshold")])
        self.log("threshold", self.metadata["threshold"])
        scores = [each.at(round((LEVELS - 1) * self.metadata["threshold"])) for each in counts]
        losses = sums[:, LOSS] / np.maximum(sums[:, BATCHES], 1)
        for part in ("val", "seen"):
            chosen = self._loaders(part)
            if chosen:
                self.log(f"{part}_iou", float(np.mean([scores[index].iou for index in chosen])), prog_bar=part == "val")
                self.log(f"{part}_loss", float(losses[chosen].mean()))
            for index in chosen:
                self.log(f"{part}_iou/{self.validated[index].partition('/')[2]}", scores[index].iou)

    def _loaders(self, part: str) -> list[int]:
        """Which validation loaders have frames of a part."""
        return [index for index, name in enumerate(self.validated) if name.startswith(f"{part}/")]

    def configure_optimizers(self) -> Any:
        recipe, groups = self.recipe, []
        pretrained = {id(parameter) for parameter in self.network.pretrained_parameters()}
        for known, rate in ((False, recipe.learning_rate), (True, recipe.pretrained_rate * recipe.learning_rate)):
            for decayed, decay in ((True, recipe.weight_decay), (False, 0.0)):
                chosen = [p for p in self.network.parameters() if (id(p) in pretrained) == known and (p.ndim > 1) == decayed]
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
        optimizer = OPTIMISERS[recipe.optimiser](groups)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        """A short linear warm-up, then half a cosine down to nothing."""
        steps = self.recipe.steps
        warm_up = min(200, max(1, steps // 20))
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, steps - warm_up))))
