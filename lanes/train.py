"""Trains a lane network: `python -m lanes.train --data lanedata --out runs/unet`.

Lightning runs the loop, on every GPU that it finds or on the processor; here stand the loss, the schedule and what is logged. A run
that was killed goes on where it stopped when the same command is given with `--resume`. `--weights` starts from another network's
weights: to train on for one's own roads, or to grow a wider network out of a narrow one.

The weights kept, `NETWORK.pt`, are an exponential moving average over the run's last thousand steps or so, at the end of a fixed
schedule: no checkpoint is picked by its validation score, so that score stays honest. `best.ckpt` is the checkpoint of the best
validation score, for runs that are to be stopped early; its score is that of a choice. `log/curves.svg` shows the run so far: loss
and IoU on the drives held back, beside the same on frames that were trained on. The distance between the two is overfitting.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from engines.denormals import denormals_as_zero
from lanes.data.dataset import SYNTHETIC, Batch, TrainingStream, WholeFrames, load_samples, normalise
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import RequestError, exit_status
from lanes.models import NETWORKS
from lanes.models.unet import UNet
from lanes.models.widen import widen
from lanes.transform import FrameTransform

MIX = {"camvid": 0.18, "roboflow_ego": 0.13, "udacity_ego": 0.08, "ceymo_lines": 0.22, "curvelanes_mini": 0.06, SYNTHETIC: 0.33}
"""Share of the training examples that each source gives: by how much variety it holds rather than by how many frames."""

DEFAULT_SHARE = 0.2
"""The same for a source that is not in `MIX`."""

CHECKPOINT_EVERY = 200
"""Steps between checkpoints: what a kill costs at the most."""

SEEN_FRAMES = 16
"""Frames of each source that were trained on and are scored as the held-back ones are: what the network can learn by heart."""


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
    """A network with its loss, optimiser and validation score.

    Args:
        network: constructor arguments of `UNet`.
        learning_rate: the highest that AdamW gets.
        steps: length of the schedule.
        looks: names of the validation loaders, in order, each `SPLIT/SOURCE` with split `val` or `seen`.
    """

    def __init__(self, network: dict[str, Any], learning_rate: float, steps: int, looks: list[str]) -> None:
        super().__init__()
        self.save_hyperparameters()
        # Channels last is what convolutions on a CPU, and tensor cores, want.
        self.network: UNet = UNet(**network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.learning_rate = learning_rate
        self.steps = steps
        self.looks = looks
        # Of each look: pixels that are lane in both, that are said to be lane, that are lane; the losses and how many they were.
        self.sums = torch.zeros(len(looks), 5)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002 - Lightning gives it
        return normalise(batch)

    def training_step(self, batch: Batch) -> Tensor:
        pixels, target, weight = batch
        loss = lane_loss(self.network(pixels), target, weight)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        self.sums = torch.zeros(len(self.looks), 5, dtype=torch.float64, device="cpu" if self.device.type == "mps" else self.device)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:  # noqa: ARG002 - Lightning gives it
        pixels, target, weight = batch
        logits = self.network(pixels)
        said = (logits > 0) & (weight > 0)
        true = (target > 0.5) & (weight > 0)
        counts = [(said & true).sum(), said.sum(), true.sum(), lane_loss(logits, target, weight), torch.ones(())]
        self.sums[dataloader_idx] += torch.stack([count.to(self.sums) for count in counts])

    def on_validation_epoch_end(self) -> None:
        # With several GPUs each has looked at its share.
        both, said, true, loss, batches = self.trainer.strategy.reduce(self.sums, reduce_op="sum").T
        ious, losses = both / (said + true - both).clamp(min=1), loss / batches.clamp(min=1)
        for split in ("val", "seen"):
            chosen = [index for index, look in enumerate(self.looks) if look.startswith(f"{split}/")]
            if chosen:
                self.log(f"{split}_iou", ious[chosen].mean().float(), prog_bar=split == "val")
                self.log(f"{split}_loss", losses[chosen].mean().float())
        self.log_dict({f"{look.replace('/', '_iou/')}": iou.float() for look, iou in zip(self.looks, ious, strict=True)})

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


class Curves(Callback):
    """Draws `curves.svg` beside the log after every look at the validation drives."""

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning gives it
        if trainer.is_global_zero and isinstance(trainer.logger, CSVLogger):
            trainer.logger.save()
            folder = Path(trainer.logger.root_dir)
            logs = sorted(folder.glob("version_*/metrics.csv"), key=lambda log: int(log.parent.name.removeprefix("version_")))
            draw_curves(logs, folder / "curves.svg")


def draw_curves(logs: Sequence[Path], out: Path) -> None:
    """Draws a run: the loss, and IoU of each source, held back (solid) and trained on (dashed).

    Args:
        logs: Lightning's `metrics.csv`, one for each time that the run was resumed, in order; a later one takes over from its first step.
        out: the picture, in a format that its suffix names.
    """
    points: dict[str, dict[float, float]] = defaultdict(dict)
    for log in logs:
        with log.open(newline="") as file:
            rows = list(csv.DictReader(file))
        start = min((float(row["step"]) for row in rows), default=math.inf)
        for name, values in points.items():
            points[name] = {step: value for step, value in values.items() if step < start}
        for row in rows:
            for name, value in row.items():
                if value and name not in ("step", "epoch"):
                    points[name][float(row["step"])] = float(value)
    series = defaultdict(lambda: ([], []), {name: ([*values], [*values.values()]) for name, values in points.items()})
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    loss, iou = figure.subplots(1, 2)
    for name, colour, label in (
        ("train_loss", "0.75", "augmented examples"),
        ("seen_loss", "tab:orange", "frames trained on"),
        ("val_loss", "tab:blue", "drives held back"),
    ):
        if name in series:
            loss.plot(*series[name], color=colour, label=label)
    loss.set(title="Loss", xlabel="step", yscale="log")
    sources = sorted(name.partition("/")[2] for name in series if "_iou/" in name)
    for index, source in enumerate(dict.fromkeys(sources)):
        iou.plot(*series[f"val_iou/{source}"], color=f"C{index}", label=source)
        iou.plot(*series[f"seen_iou/{source}"], color=f"C{index}", linestyle="--")
    dashed = ", trained on (dashed)" if any(name.startswith("seen_iou/") for name in points) else ""
    iou.set(title=f"IoU: held back (solid){dashed}", xlabel="step", ylim=(0, 1))
    for axes in (loss, iou):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(out)


def train(args: argparse.Namespace) -> Path:
    """Runs the training and returns the checkpoint that `engines.export` takes."""
    lightning.seed_everything(args.seed, workers=True)
    shape = NETWORKS[args.network]
    transform = FrameTransform(*(args.size or shape.size))
    frames = [frame for frame in list_frames(args.data, "train") if frame.source != args.leave_out]
    if not frames:
        raise RequestError(f"{args.data} has no frames to train on")
    held_back = _by_source(list_frames(args.data, "val")[:: args.val_stride])
    grouped = _by_source(frames)
    looks = [*(f"val/{source}" for source in held_back), *(f"seen/{source}" for source in grouped)]
    module = LaneTraining(shape.config, args.learning_rate, args.steps, looks)
    if args.weights:
        start_from(module.network, args.weights)  # before minutes of reading frames
    by_source = {source: load_samples(some) for source, some in grouped.items()}
    looked_at = [load_samples(some) for some in held_back.values()]
    looked_at += [samples[:: -(-len(samples) // SEEN_FRAMES)] for samples in by_source.values()]
    resume = args.out / "last.ckpt" if args.resume and (args.out / "last.ckpt").exists() else None
    trainer = lightning.Trainer(
        max_steps=args.steps,
        precision=args.precision,
        accelerator=args.accelerator,
        devices=args.devices,
        logger=CSVLogger(args.out, name="log"),
        callbacks=[
            EMAWeightAveraging(decay=0.998, update_starting_at_step=args.steps // 10),
            ModelCheckpoint(dirpath=args.out, filename="step", save_last=True, every_n_train_steps=CHECKPOINT_EVERY, save_top_k=1),
            ModelCheckpoint(dirpath=args.out, filename="best", monitor="val_iou", mode="max", enable_version_counter=False),
            TQDMProgressBar(refresh_rate=20),
            Curves(),
        ],
        val_check_interval=args.val_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=20,
        gradient_clip_val=1.0,
        enable_model_summary=False,
    )
    mix = {name: share for name, share in MIX.items() if name in by_source or name == SYNTHETIC}
    mix |= {name: DEFAULT_SHARE for name in by_source if name not in MIX}
    # Neither a resumed run nor another GPU may see the first one's examples again in the first one's order.
    seed = (args.seed, resume.stat().st_mtime_ns if resume else 0, trainer.global_rank)
    stream = TrainingStream(by_source, mix, transform, tuple(args.crop), seed)
    loader = DataLoader(stream, batch_size=args.batch, num_workers=args.workers, prefetch_factor=4 if args.workers else None)
    val_loaders = [DataLoader(WholeFrames(samples, transform), batch_size=4) for samples in looked_at]
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
        "licences": list(dict.fromkeys(frame.licence for frame in frames)),
    }
    if trainer.is_global_zero:
        torch.save({"network": module.network.config, "state_dict": module.network.state_dict(), "metadata": metadata}, checkpoint)
    return checkpoint


def _by_source(frames: Sequence[LabelledFrame]) -> dict[str, list[LabelledFrame]]:
    by_source: dict[str, list[LabelledFrame]] = defaultdict(list)
    for frame in frames:
        by_source[frame.source].append(frame)
    return by_source


def start_from(network: UNet, checkpoint: Path) -> None:
    """Gives a network the weights of a checkpoint: as they are, or spread over more channels where the network has more.

    Raises RequestError when the checkpoint's network is another one.
    """
    from engines.export import load_checkpoint

    trained, _ = load_checkpoint(checkpoint)
    try:
        network.load_state_dict(widen(trained, network.config["widths"]).state_dict())
    except (ValueError, RuntimeError) as error:
        raise RequestError(f"{checkpoint} does not fit the network to be trained: {str(error).splitlines()[0]}") from None


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lanes.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="labelled frames, in any format that docs/training.md lists")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and logs")
    parser.add_argument("--network", choices=sorted(NETWORKS), default="unet")
    parser.add_argument("--size", type=int, nargs=2, metavar=("W", "H"), help="input of the model; default the network's own")
    parser.add_argument("--crop", type=int, nargs=2, default=(512, 288), metavar=("W", "H"), help="size of the training examples")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--weights", type=Path, metavar="CHECKPOINT", help="start from these weights, of this network or a narrower one")
    parser.add_argument("--accelerator", default="auto", help="Lightning's: auto takes the GPUs where there are any")
    parser.add_argument("--devices", default="auto", help="Lightning's: how many, default all; each takes --batch examples a step")
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
    return exit_status("lanes.train", lambda: print(train(args)))


if __name__ == "__main__":
    sys.exit(main())
