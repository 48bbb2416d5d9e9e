"""How a network with memory is taught: on short clips, to see in the last frame what it shows and what the ones before have shown."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from lanes.arrays import BGRImage
from lanes.data.augment import Sample, random_camera, warped
from lanes.data.motion import advance, random_motion, shaken
from lanes.models.base import LaneNetwork
from lanes.models.unet3d import UNet3D
from lanes.train.batches import normalise, normalise_pixels, to_tensors
from lanes.train.loaders import TrainingStream
from lanes.train.task import Example, Task

FRAMES = 3
"""Of a clip, at most."""

STILLS = 0.4
"""Share of the training in which there are no clips yet. What a network that cannot see keeps of a frame is noise: with clips from a tenth
on, it saw less well in the end. With clips from seven tenths on, it held on to paint that had moved (docs/training-log.md)."""

FADED = 0.4
"""Share of the clips whose last frame has lost some of its paint: glare, a puddle, a coarse recording. The frames before still show it."""


class ClipTask(Task):
    """Examples are clips with the mask of their last frame, and the loss is one over its pixels.

    The last frame is seen after one or two others, or by itself, as a network with memory sees a still. The frames before leave their
    memory and are not learnt from: learning from all would take twice as long a clip, to learn almost the same from each.

    Light and camera are those of the clip; noise, exposure and what is faded are each frame's own, since what all frames had in common,
    memory could not mend.
    """

    def example(self, frame: Sample, stream: TrainingStream, rng: Generator) -> Example:
        """Pixels (FRAMES, 3, H, W) uint8 RGB, of which the last `count` are a clip, the others zeros; target and weight (1, H, W) uint8 of
        the last frame; count () int64.
        """
        count = 1 if stream.progress < STILLS else int(rng.integers(1, FRAMES + 1))
        if count == 1:
            pixels, target, weight = super().example(frame, stream, rng)
            return _at_the_end([pixels]), target, weight, torch.tensor(1)
        matrix, zoom = random_camera(frame, stream.transform, *stream.crop, rng)
        motion = random_motion(frame, FRAMES, rng)
        light = int(rng.integers(2**32))
        shown = []
        for number in range(FRAMES - count, FRAMES):
            view = shaken(matrix, frame.target.shape[0], motion, number, rng)
            seen = warped(advance(frame, motion, number), view, zoom, stream.transform, stream.crop)
            lit = stream.light(seen.pixels, np.random.default_rng(light))
            if number == FRAMES - 1 and rng.random() < FADED:
                lit = faded(lit, rng)
            pixels, target, weight = to_tensors(Sample(unsteady(lit, rng), seen.target, seen.weight))
            shown.append(pixels)
        return _at_the_end(shown), target, weight, torch.tensor(count)

    def loss(self, network: LaneNetwork, batch: Example) -> Tensor:
        assert isinstance(network, UNet3D)
        order = torch.argsort(batch[3])  # the longer ones last: memory is that of the last of a batch
        clips, target, weight, counts = (values[order] for values in batch)
        state = network.initial_state(0, *clips.shape[-2:])
        network.eval()  # memory comes from the network as it will run, and few frames at a time leave no mark on the batch norms
        with torch.no_grad():
            for number in range(FRAMES - 1):
                seen = clips[counts >= FRAMES - number, number]
                if len(seen):
                    state = network.remember(normalise_pixels(seen), *state)
        network.train()
        pixels, target, weight = normalise((clips[:, -1], target, weight))
        return self.pixel_loss(network.step(pixels, *state)[0], target, weight)


def _at_the_end(frames: Sequence[Tensor]) -> Tensor:
    """Frames, (3, H, W) each, after zeros in the place of those that are missing to FRAMES."""
    return torch.stack([torch.zeros_like(frames[0])] * (FRAMES - len(frames)) + list(frames))


def unsteady(pixels: BGRImage, rng: Generator) -> BGRImage:
    """A frame, (H, W, 3) uint8 BGR, with an exposure, a noise and now and then a blur of its own."""
    noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(rng.uniform(0, 6))
    shown: BGRImage = np.clip(pixels * np.float32(rng.normal(1, 0.03)) + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        shown = cv2.GaussianBlur(shown, (0, 0), rng.uniform(0.4, 1.0)).astype(np.uint8, copy=False)
    return shown


def faded(pixels: BGRImage, rng: Generator) -> BGRImage:
    """A frame, (H, W, 3) uint8 BGR, that shows no detail in one to three places."""
    height, width = pixels.shape[:2]
    lost = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, 4)):
        centre = int(rng.uniform(0, width)), int(rng.uniform(0.1, 1) * height)
        axes = int(rng.uniform(0.05, 0.3) * width), int(rng.uniform(0.05, 0.3) * height)
        cv2.ellipse(lost, centre, axes, rng.uniform(0, 180), 0, 360, rng.uniform(120, 255), -1)
    share = cv2.GaussianBlur(lost, (0, 0), 5)[..., None] * np.float32(1 / 255)
    smooth = cv2.blur(pixels, (31, 31)) + np.float32(rng.uniform(0, 40))
    shown: BGRImage = np.clip(pixels * (1 - share) + smooth * share, 0, 255).astype(np.uint8)
    return shown
