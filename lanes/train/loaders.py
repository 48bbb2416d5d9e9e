"""Training and validation examples as PyTorch data sets."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

import cv2
import numpy as np
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate, get_worker_info

from lanes.arrays import BGRImage
from lanes.data.across import across_the_road
from lanes.data.augment import Palette, Sample, palette, random_light, random_view, recolour
from lanes.data.bands import cut, labelled_band, random_band
from lanes.data.frames import LabelledFrame
from lanes.data.labels import LabelDefinition, supervise
from lanes.data.obstructions import with_bonnet, with_wiper
from lanes.renderer import RoadRenderer, Scene
from lanes.renderer.elements import Marking
from lanes.segment.first_look import MULTIPLE
from lanes.segment.transform import FrameTransform
from lanes.train.batches import Batch, normalise, to_tensors
from lanes.train.loss import lane_loss
from lanes.train.mix import SYNTHETIC, mix_shares
from lanes.train.task import Example, Task

BONNETS = 0.15
"""Share of the training examples that are given the bonnet of another car."""

WIPERS = 0.04
"""Share that have a wiper blade before them."""

CROSSED = 0.15
"""Share of the rendered examples whose road has a zebra crossing, besides those that have one anyway: they are soon taken for paint."""

RECOLOURED = 0.25
"""Share of the training examples that take on the colours of another frame, of any source."""

BANDS = 0.7
"""Share of the training examples that are the band of rows where the road is; the others are whole frames, which a running model sees
until it knows the band, and where it is not sure of it."""

RENDERED_WIDTH = (640, 1024)
"""Rendered frames are of widths between these, pixels: roads that fill the frame and roads that are cut from the middle of it."""

RENDERED_ASPECT = (0.5, 0.75)
"""The same of their height, in widths."""

RENDERINGS, LOOKS = 48, 4
"""Rendered frames that a worker has at hand, and how often each is drawn on the mean before another takes its place. Rendering costs
more than all that is done to an example, and no two examples of a frame are alike."""

LONGEST_SIDE = 1280
"""Frames are kept no larger than this, pixels: at most 4.6 MB each with what their labels teach."""

MEMORY = 6 << 30
"""Bytes of frames that are kept, in all workers together: 1,400 of the largest, or 5,600 of half their width. The others are read from
the disk as they are drawn."""

VALIDATION_MEMORY = 1 << 30
"""The same of validation frames, which are kept at the model's size."""


class Cache:
    """Keeps the samples that were read, up to a number of bytes; the others are read each time.

    It is filled by the process that reads. A worker that is started afresh, as by spawn or forkserver, gets an empty one: what is
    pickled to it are paths, no images.

    Args:
        capacity: bytes to fill.
    """

    def __init__(self, capacity: int) -> None:
        self.free = capacity
        self._kept: dict[object, Sample] = {}

    def get(self, key: object, read: Callable[[], Sample]) -> Sample:
        """The sample of that key, read where it is not kept."""
        if key in self._kept:
            return self._kept[key]
        sample = read()
        size = sample.pixels.nbytes + sample.target.nbytes + sample.weight.nbytes
        if size <= self.free:
            self._kept[key] = sample
            self.free -= size
        return sample

    def __getstate__(self) -> dict[str, object]:
        freed = sum(each.pixels.nbytes + each.target.nbytes + each.weight.nbytes for each in self._kept.values())
        return {"free": self.free + freed, "_kept": {}}


def shrunk(pixels: BGRImage, longest: int = LONGEST_SIDE) -> BGRImage:
    """An image, (H, W, 3) uint8, no wider or higher than `longest`, pixels: averaged, or as it is."""
    height, width = pixels.shape[:2]
    scale = longest / max(width, height)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def read_sample(frame: LabelledFrame, longest: int = LONGEST_SIDE) -> Sample:
    """A frame with what its label teaches, no wider or higher than `longest`, pixels.

    A label of all paint may hold crossings and stop lines as lane: what looks like one teaches nothing.

    Raises:
        InputError: the frame or its label is missing or broken.
    """
    pixels, mask, ignore = frame.read()
    target, weight = supervise(pixels, mask, ignore, frame.definition)
    if frame.definition is LabelDefinition.ALL_PAINT:
        weight[cv2.dilate(across_the_road(target), np.ones((5, 5), np.uint8)) > 0] = 0
    frame_size = (pixels.shape[1], pixels.shape[0])
    pixels = shrunk(pixels, longest)
    size = (pixels.shape[1], pixels.shape[0])
    if size != frame_size:
        target = np.where(cv2.resize(target, size, interpolation=cv2.INTER_AREA) > 127, 255, 0).astype(np.uint8)
        weight = cv2.resize(weight, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
    return Sample(pixels, target, weight, frame_size)


def render_sample(rng: Generator) -> Sample:
    """A random rendered road, labelled exactly: arrows, words and zebra crossings are no lane paint, paint too faint to tell is ignored."""
    width = int(rng.integers(*RENDERED_WIDTH)) // MULTIPLE * MULTIPLE
    height = int(width * rng.uniform(*RENDERED_ASPECT)) // MULTIPLE * MULTIPLE
    scene = Scene.random(rng)
    if rng.random() < CROSSED:
        near, wear = float(rng.uniform(0, 20)), float(rng.uniform(0, 0.5))
        scene = replace(scene, markings=tuple(Marking("zebra", s, 0.0, wear=wear) for s in (near, near + 24)))
    rendering = RoadRenderer(scene, width, height).render(float(rng.uniform(0, 20)))
    weight = np.where((rendering.other_paint > 0) & (rendering.markings == 0), 0, 255).astype(np.uint8)
    return Sample(rendering.pixels, rendering.paint, weight)


class TrainingStream(IterableDataset[Example]):
    """An endless stream of augmented examples, drawn from the sources in the proportions of `mix`.

    Args:
        frames: what there is of each source. They are read when they are first drawn.
        mix: share of each source, in any unit; `synthetic` is the renderer.
        transform: how the model sees a whole frame.
        crop: (width, height) of the examples.
        seed: numbers that make the sequence; each worker draws its own.
        task: makes an example of a frame; by default a crop and its mask.
        done, examples: how many the training has seen before, and how many it sees in all; None where that is not known.

    Attributes:
        progress: how far the training is, 0 to 1, for tasks that teach first things first; 1 where it is not known.

    Raises:
        InputError: while drawing, a frame or its label is missing or broken.
    """

    def __init__(
        self,
        frames: Mapping[str, Sequence[LabelledFrame]],
        mix: Mapping[str, float],
        transform: FrameTransform,
        crop: tuple[int, int],
        seed: Sequence[int],
        task: Task | None = None,
        *,
        done: int = 0,
        examples: int | None = None,
    ) -> None:
        self.frames = frames
        self.task = task or Task(lane_loss)
        self.names = list(mix)
        self.shares = np.array([mix[name] for name in self.names]) / sum(mix.values())
        self.transform = transform
        self.crop = crop
        self.seed = seed
        self.done = done
        self.examples = examples
        self.progress = 1.0
        self.frame_keys = [(source, index) for source, group in frames.items() for index in range(len(group))]
        self.palettes: dict[tuple[str, int], Palette] = {}
        self.cache = Cache(MEMORY)
        self.rendered: list[Sample] = []

    def __iter__(self) -> Iterator[Example]:
        worker = get_worker_info()
        workers = worker.num_workers if worker else 1
        self.cache = Cache(MEMORY // workers)
        self.rendered = []
        rng = np.random.default_rng((*self.seed, worker.id if worker else 0))
        for seen in count(self.done, workers):
            if self.examples:
                self.progress = min(1.0, seen / self.examples)
            yield self.task.example(self.draw(rng), self, rng)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"rendered": []}  # a worker is given no pictures, as `Cache` has it

    def draw(self, rng: Generator) -> Sample:
        """A frame of a source, or the band of its rows that a running model may see, now and then behind a bonnet."""
        name = self.names[int(rng.choice(len(self.names), p=self.shares))]
        if name == SYNTHETIC:
            sample = self._render(rng)
        else:
            sample = self._read(name, int(rng.integers(len(self.frames[name]))))
        if rng.random() < BANDS:
            band = random_band(sample, self.transform, rng)
            sample = cut(sample, band) if band else sample
        if rng.random() < BONNETS:
            sample = with_bonnet(sample, rng)
        return sample

    def view(self, frame: Sample, rng: Generator) -> Sample:
        """A crop of a frame as another camera would see it, now and then behind a wiper."""
        view = random_view(frame, self.transform, *self.crop, rng)
        return with_wiper(view, rng) if rng.random() < WIPERS else view

    def light(self, pixels: BGRImage, rng: Generator) -> BGRImage:
        """A view, (H, W, 3) uint8 BGR, in another light, now and then in the colours of another frame."""
        if self.frame_keys and rng.random() < RECOLOURED:
            other = self._palette(self.frame_keys[int(rng.integers(len(self.frame_keys)))])
            pixels = recolour(pixels, other, float(rng.uniform(0.3, 1)))
        return random_light(pixels, rng)

    def _render(self, rng: Generator) -> Sample:
        """A rendered road: a new one, or one of those at hand. The ones at hand are replaced at random."""
        if rng.random() < 1 / LOOKS or not self.rendered:
            sample = render_sample(rng)
            if len(self.rendered) < RENDERINGS:
                self.rendered.append(sample)
            else:
                self.rendered[int(rng.integers(RENDERINGS))] = sample
            return sample
        return self.rendered[int(rng.integers(len(self.rendered)))]

    def _read(self, source: str, index: int) -> Sample:
        return self.cache.get((source, index), lambda: read_sample(self.frames[source][index]))

    def _palette(self, key: tuple[str, int]) -> Palette:
        if key not in self.palettes:
            self.palettes[key] = palette(self._read(*key).pixels)
        return self.palettes[key]


def example_images(frames: Mapping[str, Sequence[LabelledFrame]], transform: FrameTransform, batches: int) -> Iterator[Tensor]:
    """Images that a network of that input is trained on, (8, 3, H, W) float32 normalised, so many times: to measure statistics on."""
    stream = iter(TrainingStream(frames, mix_shares(frames), transform, (transform.width, transform.height), (0,)))
    for _ in range(batches):
        yield normalise(default_collate([next(stream) for _ in range(8)]))[0]


class SeenFrames(Dataset[Batch]):
    """Frames as a running model sees them, the band of their labelled road through `FrameTransform.to_model`: for validation."""

    def __init__(self, frames: Sequence[LabelledFrame], transform: FrameTransform, cache: Cache) -> None:
        self.frames = frames
        self.transform = transform
        self.cache = cache

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Batch:
        frame = self.frames[index]
        return to_tensors(self.cache.get(frame, lambda: fit_sample(frame, self.transform)))


def fit_sample(frame: LabelledFrame, transform: FrameTransform) -> Sample:
    """The band of a frame's labelled road in the model's input, with what its label teaches.

    Raises InputError when the frame or its label is missing or broken.
    """
    pixels, mask, ignore = frame.read()
    target, weight = supervise(pixels, mask, ignore, frame.definition)
    placement = transform.fit(pixels.shape[1], pixels.shape[0], labelled_band(Sample(pixels, target, weight), transform))
    size = (transform.width, transform.height)
    fitted = np.empty((transform.height, transform.width, 3), np.uint8)
    placement.to_model(pixels, fitted)
    target = cv2.warpAffine(target, placement.matrix, size, flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    weight = cv2.warpAffine(weight, placement.matrix, size, flags=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
    return Sample(fitted, np.where(target > 127, 255, 0).astype(np.uint8), weight)


def training_loader(
    args: argparse.Namespace,
    frames: Mapping[str, Sequence[LabelledFrame]],
    transform: FrameTransform,
    seed: Sequence[int],
    task: Task,
    steps_done: int,
) -> DataLoader[Example]:
    """Examples drawn from the frames by source, as many at once as the command line asks for."""
    done, examples = steps_done * args.batch, args.steps * args.batch
    stream = TrainingStream(frames, mix_shares(frames), transform, tuple(args.crop), seed, task, done=done, examples=examples)
    return DataLoader(stream, batch_size=args.batch, num_workers=args.workers, prefetch_factor=4 if args.workers else None)
