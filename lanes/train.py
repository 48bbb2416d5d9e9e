"""Trains a lane network: `python -m lanes.train --data lanedata --out runs/unet`.

Lightning runs the loop; here stand the loss, the schedule and what is logged. A run that was killed goes on where it stopped
when the same command is given with `--resume`. The weights kept are an exponential moving average over the run's last
thousand steps or so, at the end of a fixed schedule: no checkpoint is picked by its validation score, so that score stays honest.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from engines.denormals import denormals_as_zero
from lanes.data.augment import Sample
from lanes.data.dataset import SYNTHETIC, Batch, TrainingStream, WholeFrames, load_samples, normalise
from lanes.data.lanedata import LICENCES, list_frames
from lanes.errors import RequestError
from lanes.models import NETWORKS
from lanes.models.unet import UNet
from lanes.transform import FrameTransform

MIX = {"camvid": 0.18, "roboflow_ego": 0.18, "udacity_ego": 0.09, "ceymo_lines": 0.22, "curvelanes_mini": 0.05, SYNTHETIC: 0.28}
"""Share of the training examples that each source gives: by how much variety it holds rather than by how many frames."""


CHECKPOINT_EVERY = 200
"""Steps between checkpoints: what a kill costs at the most."""


def lane_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice (Milletari et al. 2016) over what the labels know.

    Cross-entropy keeps the probability calibrated; Dice keeps a hundredth of paint from drowning in road. All arguments are
    (N, 1, H, W) float; target and weight are 0 to 1. Returns a scalar, 0 for a perfect and certain prediction.
    """
    known = weight.sum().clamp(min=1)
    entropy = (functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum() / known
    probability = torch.sigmoid(logits) * weight
    truth = target * weight
    dice = 1 - (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
    return 4 * entropy + dice


class LaneTraining(lightning.LightningModule):
    """A network with its loss, optimiser and validation score."""

    def __init__(self, network: dict[str, Any], learning_rate: float, steps: int, sources: list[str]) -> None:
        super().__init__()
        self.save_hyperparameters()
        # Channels last is what convolutions on a CPU, and tensor cores, want.
        self.network: UNet = UNet(**network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.learning_rate = learning_rate
        self.steps = steps
        self.sources = sources
        self.counts: dict[str, Tensor] = defaultdict(lambda: torch.zeros(3))
        self.losses: list[float] = []

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002 - Lightning gives it
        return normalise(batch)

    def training_step(self, batch: Batch) -> Tensor:
        pixels, target, weight = batch
        loss = lane_loss(self.network(pixels), target, weight)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:  # noqa: ARG002 - Lightning gives it
        pixels, target, weight = batch
        logits = self.network(pixels)
        said = (logits > 0) & (weight > 0)
        true = (target > 0.5) & (weight > 0)
        counts = torch.stack([(said & true).sum(), said.sum(), true.sum()]).cpu().float()
        self.counts[self.sources[dataloader_idx]] += counts
        self.losses.append(float(lane_loss(logits, target, weight)))

    def on_validation_epoch_end(self) -> None:
        ious = {name: float(both / (said + true - both).clamp(min=1)) for name, (both, said, true) in self.counts.items()}
        self.log_dict({f"val_iou/{name}": iou for name, iou in ious.items()})
        self.log("val_iou", sum(ious.values()) / max(1, len(ious)), prog_bar=True)
        self.log("val_loss", sum(self.losses) / max(1, len(self.losses)))
        self.counts.clear()
        self.losses.clear()

    def configure_optimizers(self) -> Any:
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], lr=self.learning_rate
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        """A short linear warm-up, then half a cosine down to nothing."""
        warm_up = min(200, max(1, self.steps // 20))
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, self.steps - warm_up))))


def train(args: argparse.Namespace) -> Path:
    """Runs the training and returns the checkpoint that `engines.export` takes."""
    lightning.seed_everything(args.seed, workers=True)
    config = NETWORKS[args.network]
    transform = FrameTransform(*args.size)
    by_source: dict[str, list[Sample]] = {}
    frames = [frame for frame in list_frames(args.data, "train") if frame.source != args.leave_out]
    for source in dict.fromkeys(frame.source for frame in frames):
        by_source[source] = load_samples([frame for frame in frames if frame.source == source])
    held_back = list_frames(args.data, "val")[:: args.val_stride]
    val_sources = list(dict.fromkeys(frame.source for frame in held_back))
    val_loaders = [
        DataLoader(WholeFrames(load_samples([f for f in held_back if f.source == source]), transform), batch_size=4)
        for source in val_sources
    ]
    mix = {name: share for name, share in MIX.items() if name in by_source or name == SYNTHETIC}
    resume = args.out / "last.ckpt" if args.resume and (args.out / "last.ckpt").exists() else None
    # A resumed run must not see the first run's examples again in the first run's order.
    seed = args.seed + (resume.stat().st_mtime_ns if resume else 0)
    stream = TrainingStream(by_source, mix, transform, tuple(args.crop), seed)
    loader = DataLoader(stream, batch_size=args.batch, num_workers=args.workers, prefetch_factor=4 if args.workers else None)
    module = LaneTraining({**config, "widths": list(config["widths"])}, args.learning_rate, args.steps, val_sources)
    trainer = lightning.Trainer(
        max_steps=args.steps,
        precision=args.precision,
        logger=CSVLogger(args.out, name="", version="log"),
        callbacks=[
            EMAWeightAveraging(decay=0.998, update_starting_at_step=args.steps // 10),
            ModelCheckpoint(dirpath=args.out, filename="step", save_last=True, every_n_train_steps=CHECKPOINT_EVERY, save_top_k=1),
            TQDMProgressBar(refresh_rate=20),
        ],
        val_check_interval=args.val_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=20,
        gradient_clip_val=1.0,
        enable_model_summary=False,
    )
    with denormals_as_zero():
        trainer.fit(module, loader, val_loaders, ckpt_path=resume)
    checkpoint: Path = args.out / f"{args.network}.pt"
    metadata = {
        "name": args.network,
        "transform": transform.to_dict(),
        "threshold": 0.5,
        "classes": ["lane"],
        "label_definition": "the paint that marks lanes, stroke by stroke; arrows, words and stop lines are not meant",
        "training_data": list(mix),
        "licences": [LICENCES[source] for source in by_source],
    }
    torch.save({"network": module.network.config, "state_dict": module.network.state_dict(), "metadata": metadata}, checkpoint)
    return checkpoint


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lanes.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled frames in the lanedata layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and logs")
    parser.add_argument("--network", choices=sorted(NETWORKS), default="unet")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 384), metavar=("W", "H"), help="input of the model")
    parser.add_argument("--crop", type=int, nargs=2, default=(512, 288), metavar=("W", "H"), help="size of the training examples")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--precision", default="32-true", help="Lightning's: bf16-mixed where the processor or GPU multiplies bf16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare examples")
    parser.add_argument("--val-every", type=int, default=500, help="steps between looks at the validation drives")
    parser.add_argument("--val-stride", type=int, default=1, help="look at every n-th validation frame only")
    parser.add_argument("--leave-out", metavar="SOURCE", help="train without this source, to test on it (cross-validation)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    return parser.parse_args(arguments)


def main() -> int:
    """Entry point."""
    args = parse()
    try:
        print(train(args))
    except RequestError as error:
        print(f"lanes.train: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
