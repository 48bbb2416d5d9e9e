"""Lightning's loop as this project runs it: what is kept on the way, and how a run ends."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger

from lanes.errors import InputError
from lanes.train.plots import Curves
from lanes.train.recipe import Recipe

CHECKPOINT_EVERY = 200
"""Steps between checkpoints: what a kill costs at the most."""

LAST = "last.ckpt"
"""The newest checkpoint of a run, in its folder."""


class LastStep(Callback):
    """Keeps the very last step, which the interval between checkpoints seldom meets: a finished run that is resumed has nothing to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        if trainer.global_step == trainer.max_steps:
            trainer.save_checkpoint(self.path)


def make_trainer(args: argparse.Namespace, recipe: Recipe, *, best: bool) -> lightning.Trainer:
    """Lightning's loop.

    Args:
        args: the command line.
        recipe: how to train.
        best: whether to keep the best checkpoint by the validation score.

    Raises:
        InputError: it cannot run as asked.
    """
    every = ModelCheckpoint(
        dirpath=args.out,
        filename="step",
        save_last=True,
        every_n_train_steps=CHECKPOINT_EVERY,
        save_top_k=1,
        enable_version_counter=False,
    )
    # Until the average begins, Lightning validates and keeps the network as it was before the first step.
    begin = min(recipe.steps // 10, args.val_every - 1, CHECKPOINT_EVERY - 1)
    callbacks: list[Callback] = [
        EMAWeightAveraging(decay=recipe.averaging, update_starting_at_step=begin),
        LastStep(args.out / LAST),  # when the average has it
        every,
        TQDMProgressBar(refresh_rate=20),
        Curves(),
    ]
    if best:
        callbacks.append(ModelCheckpoint(dirpath=args.out, filename="best", monitor="val_iou", mode="max", enable_version_counter=False))
    try:
        return lightning.Trainer(
            max_steps=recipe.steps,
            precision=recipe.precision,  # type: ignore[arg-type]
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
