"""Training and validation examples as PyTorch data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from lanes.data.augment import Sample, palette, random_light, random_view, recolour, with_bonnet
from lanes.data.frames import LabelledFrame
from lanes.data.labels import supervise
from lanes.models import IMAGE_MEAN, IMAGE_STD
from lanes.renderer import RoadRenderer, Scene
from lanes.segment.transform import FrameTransform
from lanes.train.mix import SYNTHETIC

BONNETS = 0.15
"""Share of the training examples that are given the bonnet of another car."""

RECOLOURED = 0.25
"""Share of the training examples that take on the colours of another frame, of any source."""

LONGEST_SIDE = 960
"""Frames are kept no larger than this, pixels: about 2.5 MB each with what their labels teach."""

MEMORY = 6 << 30
"""Bytes of frames that are kept in memory: some 2,500. Data sets of tens of thousands are read from the disk as they are drawn."""


class Samples(Sequence[Sample]):
    """Frames with what their labels teach, none wider or higher than `LONGEST_SIDE`.

    The first ones are read once and kept, as many as fit into `room` bytes; the others are read again each time they are asked for.

    Raises:
        InputError: a frame or its label is missing or broken; of a frame that is not kept, when it is asked for.
    """

    def __init__(self, frames: Sequence[LabelledFrame], room: int = MEMORY) -> None:
        self.frames = frames
        self.kept: list[Sample] = []
        self.kept_bytes = 0
        for frame in frames:
            sample = _read_sample(frame)
            size = sum(part.nbytes for part in (sample.pixels, sample.target, sample.weight))
            if self.kept_bytes + size > room:
                break
            self.kept.append(sample)
            self.kept_bytes += size

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return self.kept[index] if 0 <= index < len(self.kept) else _read_sample(self.frames[index])


def _read_sample(frame: LabelledFrame) -> Sample:
    pixels, mask, ignore = frame.read()
    target, weight = supervise(pixels, mask, ignore, frame.definition)
    shrink = LONGEST_SIDE / max(target.shape)
    if shrink < 1:
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        size = (pixels.shape[1], pixels.shape[0])
        target = np.where(cv2.resize(target, size, interpolation=cv2.INTER_AREA) > 127, 255, 0).astype(np.uint8)
        weight = cv2.resize(weight, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
    return Sample(pixels, target, weight)


def render_sample(transform: FrameTransform, rng: Generator) -> Sample:
    """A random rendered road at the model's size, labelled exactly; arrows, words and stop lines are left open."""
    rendering = RoadRenderer(Scene.random(rng), transform.width, transform.height).render(float(rng.uniform(0, 20)))
    weight = np.where(rendering.other_paint > 0, 0, 255).astype(np.uint8)
    return Sample(rendering.pixels, rendering.paint, weight)


Batch = tuple[Tensor, Tensor, Tensor]
"""Pixels (N, 3, H, W) uint8 RGB, target and weight (N, 1, H, W) uint8, as loaders give them: a quarter of the bytes that floats are."""


def to_tensors(sample: Sample) -> Batch:
    """A sample as one item of a `Batch`, without the first axis."""
    rgb = torch.from_numpy(np.ascontiguousarray(sample.pixels[..., ::-1].transpose(2, 0, 1)))
    return rgb, torch.from_numpy(sample.target)[None], torch.from_numpy(sample.weight)[None]


def normalise(batch: Batch) -> Batch:
    """A batch as the network and the loss take it, on the device it lies on: float32, normalised RGB, target and weight 0 to 1."""
    rgb, target, weight = batch
    mean, std = (torch.tensor(values, device=rgb.device).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
    pixels = (rgb.to(torch.float32, memory_format=torch.channels_last) / 255 - mean) / std
    return pixels, target.float() / 255, weight.float() / 255


class TrainingStream(IterableDataset[Batch]):
    """An endless stream of augmented crops, drawn from the sources in the proportions of `mix`.

    Args:
        samples: what there is of each source.
        mix: share of each source, in any unit; `synthetic` is the renderer.
        transform: how the model sees a whole frame.
        crop: (width, height) of the examples.
        seed: numbers that make the sequence; each worker draws its own.
    """

    def __init__(
        self,
        samples: Mapping[str, Samples],
        mix: Mapping[str, float],
        transform: FrameTransform,
        crop: tuple[int, int],
        seed: Sequence[int],
    ) -> None:
        self.samples = samples
        self.names = list(mix)
        self.shares = np.array([mix[name] for name in self.names]) / sum(mix.values())
        self.transform = transform
        self.crop = crop
        self.seed = seed
        self.palettes = [palette(sample.pixels) for group in samples.values() for sample in group.kept]

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = np.random.default_rng((*self.seed, worker.id if worker else 0))
        while True:
            yield to_tensors(self.draw(rng))

    def draw(self, rng: Generator) -> Sample:
        """One augmented crop."""
        name = self.names[int(rng.choice(len(self.names), p=self.shares))]
        if name == SYNTHETIC:
            sample = render_sample(self.transform, rng)
        else:
            sample = self.samples[name][int(rng.integers(len(self.samples[name])))]
        if rng.random() < BONNETS:
            sample = with_bonnet(sample, rng)
        view = random_view(sample, self.transform, *self.crop, rng)
        pixels = view.pixels
        if self.palettes and rng.random() < RECOLOURED:
            pixels = recolour(pixels, self.palettes[int(rng.integers(len(self.palettes)))], float(rng.uniform(0.3, 1)))
        return Sample(random_light(pixels, rng), view.target, view.weight)


class WholeFrames(Dataset[Batch]):
    """Frames as the model sees them, without augmentation, for validation."""

    def __init__(self, samples: Sequence[Sample], transform: FrameTransform) -> None:
        self.samples = samples
        self.transform = transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Batch:
        sample = self.samples[index]
        height, width = sample.target.shape
        place = self.transform.fit(width, height)
        matrix, size = place.matrix, (self.transform.width, self.transform.height)
        pixels = cv2.warpAffine(
            sample.pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(114, 114, 114)
        )
        target = cv2.warpAffine(sample.target, matrix, size, flags=cv2.INTER_LINEAR)
        weight = cv2.warpAffine(sample.weight, matrix, size, flags=cv2.INTER_NEAREST)
        return to_tensors(
            Sample(
                pixels.astype(np.uint8, copy=False), np.where(target > 127, 255, 0).astype(np.uint8), weight.astype(np.uint8, copy=False)
            )
        )
