"""Trains a lane network: `python -m lanes.train --data lanedata --out runs/unet`.

`--weights` starts from another network's weights: to train on for one's own roads, or to widen a narrower one.
`--resume` goes on with a run that was stopped. What is kept and what is logged stands in docs/training.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from lanes.cli.arguments import Parser, count, natural, output_path, positive
from lanes.cli.logs import messages
from lanes.errors import exit_status
from lanes.models import NETWORKS
from lanes.train.run import train


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train", __doc__)
    size = ("WIDTH", "HEIGHT")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames, in any format of docs/training.md")
    parser.add_argument("--out", type=output_path, required=True, metavar="DIR", help="folder for checkpoints and logs")
    parser.add_argument("--model", type=str, choices=list(NETWORKS), default="unet", help="network to train")
    parser.add_argument("--size", type=count, nargs=2, metavar=size, help="size of the model's input; without it the network's own")
    parser.add_argument("--crop", type=count, nargs=2, metavar=size, help="size of the training examples; without it the network's own")
    parser.add_argument("--steps", type=count, default=8000, metavar="N", help="number of training steps")
    parser.add_argument("--batch", type=count, default=8, metavar="N", help="examples a step, on each device")
    parser.add_argument(
        "--learning-rate", type=positive, metavar="RATE", help="highest learning rate of the schedule; without it the network's own"
    )
    parser.add_argument("--weights", type=Path, metavar="CHECKPOINT", help="checkpoint to start from, of this network or of a narrower one")
    parser.add_argument(
        "--accelerator",
        type=str,
        choices=("auto", "cpu", "gpu", "mps"),
        default="auto",
        help="kind of device, as Lightning names it: auto takes the GPUs where there are any",
    )
    parser.add_argument("--devices", type=str, default="auto", metavar="N", help="number of devices, as Lightning takes it: auto takes all")
    parser.add_argument(
        "--precision",
        type=str,
        choices=("32-true", "bf16-mixed", "16-mixed"),
        default="32-true",
        help="precision, as Lightning names it: bf16-mixed pays where the processor or the GPU multiplies bf16",
    )
    parser.add_argument("--seed", type=natural, default=1, metavar="N", help="seed of the examples and of the initial weights")
    parser.add_argument("--workers", type=natural, default=1, metavar="N", help="processes that prepare examples")
    parser.add_argument("--val-every", type=count, default=500, metavar="N", help="steps between validations")
    parser.add_argument("--val-stride", type=count, default=1, metavar="N", help="validate on every n-th validation frame")
    parser.add_argument("--leave-out", type=str, metavar="SOURCE", help="source not to train on, so that it can be tested on")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train"):
        return exit_status("lanes.train", lambda: rank_zero_only(print)(train(args)))
