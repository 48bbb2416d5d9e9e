"""One training of the ladder, within a budget of processor seconds."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import default_collate

from engines.backends.denormals import denormals_as_zero
from lanes.data.augment import Sample
from lanes.data.frames import LabelledFrame, by_source
from lanes.evaluate.probability import LEVELS, LevelCounts
from lanes.evaluate.scores import as_table
from lanes.files import write_atomically
from lanes.models import NETWORKS
from lanes.models.base import LaneNetwork
from lanes.models.build import build_network, with_arch
from lanes.train.batches import normalise, to_tensors
from lanes.train.checkpoint import describe_training, save_checkpoint
from lanes.train.ladder.frames import TRANSFORM, PreparedFrames, divide
from lanes.train.loaders import TrainingStream
from lanes.train.mix import SYNTHETIC, mix_shares
from lanes.train.recipe import WEIGHT_DECAY
from lanes.train.task import make_task
from lanes.train.threshold import choose_threshold, count_frames

WARM_UP = 0.1
"""Share of the budget in which the learning rate rises."""

LOSS_POINTS = 20
"""Means of the loss that are kept, over equal shares of the budget."""


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes:
        model: a name of `NETWORKS`.
        frames: how many training frames it may see; None = all.
        seed: of its frames, its examples and its first weights.
        seconds: of the processor.
    """

    model: str
    frames: int | None
    seed: int
    seconds: float
    curve: bool = False

    @property
    def name(self) -> str:
        """Of its files."""
        part = f"-{self.frames or 'all'}frames" if self.curve else ""
        return f"{self.model}{part}-seed{self.seed}"


@dataclass(frozen=True)
class Settings:
    """What all jobs have in common.

    Attributes:
        data: labelled frames.
        out: folder of the ladder.
        batch: examples a step.
        precision: `fp32`, or `bf16` where a convolution multiplies in it and the weights stay in fp32.
        threads: of a job. Its budget is of the time of all of them together.
        validation_frames: of a source, at most.
    """

    data: Path
    out: Path
    batch: int
    precision: str
    threads: int
    validation_frames: int

    def report(self, job: Job) -> Path:
        """What is known of a job that is done."""
        return self.out / "jobs" / f"{job.name}.json"


class PreparedStream(TrainingStream):
    """A training stream of prepared frames."""

    def __init__(self, prepared: PreparedFrames, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.prepared = prepared

    def _read(self, source: str, index: int) -> Sample:
        return self.prepared[self.frames[source][index]]


def run_job(job: Job, settings: Settings) -> dict[str, Any]:
    """Trains, chooses the threshold, validates, and writes checkpoint and report. Returns the report."""
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)
    torch.manual_seed(job.seed)
    parts = divide(settings.data, settings.validation_frames)
    prepared = PreparedFrames(settings.out / "frames")
    frames = by_source(subset(parts["training"], job.frames, job.seed))
    model = NETWORKS[job.model]
    network: LaneNetwork = build_network(model.config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    task = make_task(model)
    mix = {source: share for source, share in mix_shares(frames).items() if source != SYNTHETIC}
    stream = PreparedStream(prepared, frames, mix, TRANSFORM, model.crop, (job.seed,), task)
    with denormals_as_zero():
        trained = train_within(job.seconds, network, stream, settings, model.learning_rate, job.seed)
        counts = {part: count_parts(network, parts[part], prepared) for part in ("threshold", "validation")}
    threshold = choose_threshold(list(counts["threshold"].values()))
    level = round((LEVELS - 1) * threshold)
    scores = {part: as_table({source: count.at(level) for source, count in found.items()}) for part, found in counts.items() if found}
    metadata = describe_training(job.model, TRANSFORM, frames, by_source(parts["threshold"])) | {"threshold": threshold}
    report = (
        asdict(job)
        | trained
        | {
            "training_frames": sum(map(len, frames.values())),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "batch": settings.batch,
            "precision": settings.precision,
            "learning_rate": model.learning_rate,
            "threshold": threshold,
            "threshold_drives": metadata["threshold_drives"],
            "scores": scores,
            "torch": str(torch.__version__),  # whose type a checkpoint may not hold
        }
    )
    recipe = {"network": with_arch(model.config), "size": list(model.size), "crop": list(model.crop), "loss": model.loss} | report
    save_checkpoint(settings.out / "jobs" / f"{job.name}.pt", network, metadata, recipe)
    write_atomically(settings.report(job), json.dumps(report, indent=1) + "\n")
    return report


def subset(frames: Sequence[LabelledFrame], count: int | None, seed: int) -> list[LabelledFrame]:
    """`count` of the frames, drawn by the seed; of one seed, few are among the many. None = all, in their order."""
    if count is None:
        return list(frames)
    return [frames[index] for index in np.random.default_rng(seed).permutation(len(frames))[:count]]


def train_within(
    seconds: float, network: LaneNetwork, stream: TrainingStream, settings: Settings, rate: float, seed: int
) -> dict[str, Any]:
    """Trains until the budget is used: the processor time of this process, of examples as well as of steps.

    The schedule goes by the share of the budget that is used, so each network ends at the same point of it, however many steps it made.

    Returns:
        What was used: `used_s` exceeds the budget by less than a step; `steps`, `examples`, and `loss`, its mean over equal shares.
    """
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}])
    rng = np.random.default_rng((seed, 1))
    losses: list[list[float]] = [[] for _ in range(LOSS_POINTS)]
    network.train()
    steps, begun = 0, time.process_time()
    while (share := (time.process_time() - begun) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * one_cycle(share)
        stream.progress = share
        examples = [stream.task.example(stream.draw(rng), stream, rng) for _ in range(settings.batch)]
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            loss = stream.task.loss(network, default_collate(examples))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses[int(share * LOSS_POINTS)].append(loss.item())
        steps += 1
    used = time.process_time() - begun
    means = [round(float(np.mean(values)), 5) if values else None for values in losses]
    return {"used_s": round(used, 2), "steps": steps, "examples": steps * settings.batch, "loss": means}


def one_cycle(share: float) -> float:
    """The learning rate, of its highest, at a share of the budget: up in a line, then half a cosine down to nothing."""
    if share < WARM_UP:
        return 0.05 + 0.95 * share / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (share - WARM_UP) / (1 - WARM_UP))))


def count_parts(network: LaneNetwork, frames: Sequence[LabelledFrame], prepared: PreparedFrames) -> dict[str, LevelCounts]:
    """What the network finds in frames, at every threshold, by source: as the model sees them, in fp32."""
    found = {}
    for source, group in by_source(frames).items():
        batches = (normalise(default_collate([to_tensors(prepared[frame])])) for frame in group)
        found[source] = count_frames(network, batches)
    return found
