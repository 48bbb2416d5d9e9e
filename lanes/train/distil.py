"""Trains a small network on towards what a larger model says: `python -m lanes.train.distil unet.pt --data lanedata --out taught.pt`.

A label is paint or none; a good teacher also says how sure it is, and of paint that no label knows (Hinton et al. 2015,
https://arxiv.org/abs/1503.02531). So frames teach by the teacher's probability alone, those with labels and, with `--unlabelled`, those
without. The teacher looks once at the band of each frame's road; the pupil sees that band as other cameras would, in other light.

The batch norms keep their statistics, and the threshold of the pupil means what the teacher's does.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from engines.backends.denormals import denormals_as_zero
from engines.export import load_checkpoint
from engines.model_file import ModelMetadata
from lanes import load_segmenter
from lanes.arrays import BGRImage, ProbabilityMap
from lanes.cli.arguments import Parser, count, natural, output_path, positive
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.data.augment import Sample, random_light
from lanes.data.frames import TRAINING_IMAGE_SUFFIXES, list_files, read_image
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.files import check_file
from lanes.models.base import LaneNetwork
from lanes.results import Band
from lanes.segment.segmenter import Segmenter
from lanes.segment.transform import FrameTransform
from lanes.train.batches import Batch, normalise, to_tensors
from lanes.train.checkpoint import save_checkpoint
from lanes.train.loaders import shrunk
from lanes.train.loss import ENTROPY_SHARE

UNLABELLED = 0.4
"""Share of the examples that frames without labels give, where there are any."""

UNLABELLED_NAME = "unlabelled"
"""What these are called among a model's training data."""

BANDS = 0.85
"""Share of the examples that are a band; the others are whole frames, as a running model sees them until it knows the band."""

TOP, BOTTOM = (-0.12, 0.06), (-0.15, 0.10)
"""How far an example's band begins and ends from the teacher's, shares of its height, positive downwards."""

NARROWED, NARROWEST = 0.5, 0.65
"""Share of the examples that are less than the frame's width, and the least width of these: the road of a longer lens."""

LIT = 0.8
"""Share of the examples that the pupil sees in another light."""

CERTAIN = 0.002
"""Distance from 0 and 1 that a teacher's probability keeps, so that it has a logit."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A frame with what the teacher says of it.

    Attributes:
        pixels: (H, W, 3) uint8 BGR.
        probability: (H, W) uint8, 0 to 255, of lane paint; zebra crossings are none.
        looked: (H, W) bool, where the teacher looked.
        band: rows that it looked at; None = all.
    """

    pixels: BGRImage
    probability: ProbabilityMap
    looked: NDArray[np.bool_]
    band: Band | None


def teach(teacher: Segmenter, pixels: BGRImage) -> Lesson:
    """What a teacher says of a frame, (H, W, 3) uint8 BGR, kept no wider or higher than the training keeps frames."""
    pixels = shrunk(pixels)
    height, width = pixels.shape[:2]
    band = teacher.still_band(pixels)
    probability = teacher.look(pixels, band)
    looked = np.zeros((height, width), np.bool_)
    looked[slice(*band) if band else slice(None)] = True
    return Lesson(pixels, probability, looked, band)


def view(lesson: Lesson, transform: FrameTransform, rng: Generator) -> Sample:
    """A part of a frame as the pupil would see it, in the size of its input; the target is the teacher's probability, 0 to 255."""
    height, width = lesson.looked.shape
    top, bottom = 0, height
    if lesson.band and rng.random() < BANDS:
        rows = lesson.band[1] - lesson.band[0]
        top = int(np.clip(lesson.band[0] + rng.uniform(*TOP) * rows, 0, height - 1))
        bottom = int(np.clip(lesson.band[1] + rng.uniform(*BOTTOM) * rows, top + rows / 2, height))
    left, right = 0, width
    if rng.random() < NARROWED:
        share = rng.uniform(NARROWEST, 1)
        left = int(rng.uniform(0, 1 - share) * width)
        right = left + max(1, int(share * width))
    part = slice(top, bottom), slice(left, right)
    mirror = slice(None, None, -1 if rng.random() < 0.5 else 1)
    pixels, probability, looked = (
        np.ascontiguousarray(each[part][:, mirror]) for each in (lesson.pixels, lesson.probability, lesson.looked.astype(np.uint8) * 255)
    )
    placement = transform.fit(pixels.shape[1], pixels.shape[0])
    seen, said = (np.empty((transform.height, transform.width, 3), np.uint8) for _ in range(2))
    placement.to_model(pixels, seen)
    placement.to_model(cv2.merge([probability, looked, looked]).astype(np.uint8, copy=False), said)
    known = np.where(said[..., 1] == 255, 255, 0).astype(np.uint8)  # of the padding there is nothing to learn
    return Sample(seen, said[..., 0].copy(), known)


class Views(IterableDataset[Batch]):
    """An endless stream of examples, views of frames that a teacher has seen. The sources are drawn by the square root of their frames.

    Args:
        lessons: by source, `None` for frames without labels.
        transform: how the pupil sees a frame.
        seed: of the sequence; each worker draws its own.
    """

    def __init__(self, lessons: Mapping[str | None, Sequence[Lesson]], transform: FrameTransform, seed: int) -> None:
        self.lessons = list(lessons.values())
        roots = {source: len(group) ** 0.5 for source, group in lessons.items() if source is not None}
        labelled = 1 - UNLABELLED * (None in lessons) if roots else 0.0
        shares = [labelled * roots[source] / sum(roots.values()) if source is not None else 1 - labelled for source in lessons]
        self.shares = np.array(shares)
        self.transform = transform
        self.seed = seed

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = np.random.default_rng((self.seed, worker.id if worker else 0))
        while True:
            group = self.lessons[int(rng.choice(len(self.lessons), p=self.shares))]
            example = view(group[int(rng.integers(len(group)))], self.transform, rng)
            lit = random_light(example.pixels, rng) if rng.random() < LIT else example.pixels
            yield to_tensors(Sample(lit, example.target, example.weight))


def pupil_loss(logits: Tensor, said: Tensor, weight: Tensor, shift: float) -> Tensor:
    """What separates a pupil from its teacher: Kullback-Leibler divergence a pixel plus a Dice loss between probabilities.

    Args:
        logits: (N, 1, H, W) float, of the pupil.
        said: (N, 1, H, W) float, 0 to 1, the teacher's probability.
        weight: (N, 1, H, W) float, 1 where the teacher looked, else 0.
        shift: what is added to the teacher's logits, so that its threshold becomes the pupil's.

    Returns:
        A scalar, 0 where both say the same.
    """
    target = torch.sigmoid(torch.logit(said, eps=CERTAIN) + shift)
    entropy = -(target * target.log() + (1 - target) * (1 - target).log())
    divergence = (functional.binary_cross_entropy_with_logits(logits, target, reduction="none") - entropy) * weight
    found = torch.sigmoid(logits)
    squares = ((found**2 + target**2) * weight).sum()
    dice = 1 - (2 * (found * target * weight).sum() + 1) / (squares + 1)
    return ENTROPY_SHARE * divergence.sum() / weight.sum().clamp(min=1) + dice


def distil(pupil: LaneNetwork, batches: Iterator[Batch], shift: float, steps: int, rate: float) -> Iterator[float]:
    """Trains a network on as many batches of `Views` as there are steps, and gives the loss of each. For `shift` see `pupil_loss`."""
    pupil.eval()  # the batch norms keep their statistics
    optimizer = torch.optim.AdamW(pupil.parameters(), lr=rate, weight_decay=1e-4)
    warm_up = max(1, min(30, steps // 20))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))
        pixels, said, weight = normalise(next(batches))
        loss = pupil_loss(pupil(pixels), said, weight, shift)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimizer.step()
        yield float(loss.detach())


def logit(probability: float) -> float:
    """Of a threshold, kept `CERTAIN` away from 0 and 1."""
    kept = min(max(probability, CERTAIN), 1 - CERTAIN)
    return math.log(kept / (1 - kept))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train.distil", __doc__)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="trained network to go on from, whose threshold is kept")
    parser.add_argument("--teacher", type=str, default="unet-large", metavar="MODEL", help="bundled model, or ONNX file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="labelled frames, whose training part is learnt from")
    parser.add_argument("--unlabelled", type=Path, metavar="DIR", help="folder of images to learn from too")
    parser.add_argument("--licence", type=str, metavar="TEXT", help="what the makers of the unlabelled images allow")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE", help="checkpoint to write, for engines.export")
    parser.add_argument("--steps", type=count, default=1200, metavar="N", help="number of training steps")
    parser.add_argument("--batch", type=count, default=8, metavar="N", help="examples a step")
    parser.add_argument("--learning-rate", type=positive, default=3e-4, metavar="RATE", help="highest learning rate of the schedule")
    parser.add_argument("--seed", type=natural, default=1, metavar="N", help="seed of the examples")
    parser.add_argument("--workers", type=natural, default=1, metavar="N", help="processes that prepare examples")
    parser.add_argument("--engine", type=str, default="auto", help="engine that runs the teacher")
    parser.add_argument("--precision", type=str, default="auto", help="precision that the engine calculates in")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.distil"):
        return exit_status("lanes.train.distil", lambda: print(_write(args, plain_console(stderr=True))))


def _write(args: argparse.Namespace, console: Console) -> Path:
    out: Path = args.out
    check_file(out, [args.checkpoint], overwrite=True)
    pupil, metadata = load_checkpoint(args.checkpoint)
    if pupil.state or pupil.outputs:
        raise InputError(f"{args.checkpoint} has the architecture {pupil.arch}: only a network of single frames and one map can be taught")
    frames, data = _list_frames(args)
    lessons: dict[str | None, list[Lesson]] = {}
    with load_segmenter(args.teacher, args.engine, args.precision) as teacher:
        known = teacher.engine.model.metadata
        if known.classes != metadata.classes:
            raise InputError(
                f"{args.teacher} cannot teach {args.checkpoint}: classes {known.classes} and {metadata.classes} are not the same"
            )
        for source, read in track(frames, "frames", console=console, transient=True):
            lessons.setdefault(source, []).append(teach(teacher, read()))
    views = DataLoader(
        Views(lessons, metadata.transform, args.seed),
        batch_size=args.batch,
        num_workers=args.workers,
        prefetch_factor=4 if args.workers else None,
    )
    shift = logit(metadata.threshold) - logit(known.threshold)
    with denormals_as_zero():
        losses = list(
            track(distil(pupil, iter(views), shift, args.steps, args.learning_rate), "steps", args.steps, console=console, transient=True)
        )
    part = max(1, args.steps // 10)
    console.print(f"loss {np.mean(losses[:part]):.3f} in the first tenth, {np.mean(losses[-part:]):.3f} in the last")
    recipe = {"teacher": known.name, "steps": args.steps, "batch": args.batch, "learning_rate": args.learning_rate, "seed": args.seed}
    save_checkpoint(out, pupil, describe(metadata, known, *data), recipe)
    return out


def _list_frames(args: argparse.Namespace) -> tuple[list[tuple[str | None, Callable[[], BGRImage]]], tuple[list[str], list[str]]]:
    """Source and reader of each frame, and the data and licences that they stand for. Raises InputError where there are none."""
    if args.unlabelled and not args.licence:
        raise InputError("--unlabelled takes --licence, which the model file will state")
    frames: list[tuple[str | None, Callable[[], BGRImage]]] = []
    data: list[str] = []
    licences: list[str] = []
    if args.data:
        for frame in list_frames(args.data, "train"):
            frames.append((frame.source, partial(read_image, frame.image_path, cv2.IMREAD_COLOR)))
            data.append(frame.source)
            licences.append(frame.licence)
    if args.unlabelled:
        images = list_files(args.unlabelled, TRAINING_IMAGE_SUFFIXES)
        frames += [(None, partial(read_image, args.unlabelled / image, cv2.IMREAD_COLOR)) for image in images]
        data.append(UNLABELLED_NAME)
        licences.append(args.licence)
    if not frames:
        raise InputError("there is nothing to learn from: give --data with frames to train on, or --unlabelled with images")
    return frames, (data, licences)


def describe(pupil: ModelMetadata, teacher: ModelMetadata, data: Sequence[str], licences: Sequence[str]) -> dict[str, object]:
    """The metadata of a taught pupil, as checkpoints hold it: what taught the teacher taught it too."""
    taught = replace(
        pupil,
        training_data=list(dict.fromkeys([*pupil.training_data, *teacher.training_data, *data])),
        licences=list(dict.fromkeys([*pupil.licences, *teacher.licences, *licences])),
    )
    return asdict(taught) | {"transform": pupil.transform.to_dict()}


if __name__ == "__main__":
    sys.exit(main())
