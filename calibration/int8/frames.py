"""Which frames a model is calibrated on, and which judge it: few, unlike each other, and never of the same drive on both sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calibration.int8.progress import follow
from lanes.capture import find_sources
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.segment.transform import FrameTransform

Picture = NDArray[np.uint8]

CANDIDATES = 512
"""Frames that are looked at to choose from, at most: as many inputs of 640x384 take 380 MB."""

JUDGES = 96
"""Frames that the result is judged on, at most."""

FEWEST = 8
"""Frames below which there is nothing to choose from, on either side."""

HELD_SHARE = 0.25
"""Part of the material that is held out to judge on, as nearly as whole drives allow."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame, fitted to the model.

    Attributes:
        picture: (H, W, 3) uint8 BGR, the model's input.
        size: (width, height) of the frame that it was, pixels.
        name: what it is called in reports.
        source: what it is pooled with in scores.
        sequence: the drive that it belongs to.
        label: mask and ignore (or None), (height, width) uint8, non-zero = lane paint and = not known; None where there is no label.
    """

    picture: Picture
    size: tuple[int, int]
    name: str
    source: str
    sequence: str
    label: tuple[Picture, Picture | None] | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What a model is calibrated on, and what it is judged on: no drive is in both."""

    calibration: list[Sample]
    judges: list[Sample]

    @property
    def labelled(self) -> bool:
        """Whether the judges have labels."""
        return self.judges[0].label is not None


class InSequence(Protocol):
    """A frame that says where it comes from."""

    @property
    def source(self) -> str: ...
    @property
    def sequence(self) -> str: ...


Frames = TypeVar("Frames", bound=InSequence)
Item = TypeVar("Item")


def gather(transform: FrameTransform, frames: str | None, labels: Path | None, split: str, count: int, console: Console) -> Material:
    """Reads, chooses and holds out.

    Args:
        transform: of the model.
        frames: a video file, a folder or a glob of images or of videos, as `find_sources` takes; None for none.
        labels: labelled frames, as `list_frames` takes them. They are calibrated on too, and those held out judge the model.
        split: which of the labelled frames, never those that judge the training.
        count: frames to calibrate on.
        console: where progress goes.

    Raises:
        InputError: the material cannot be used, or is too little.
    """
    kept = list(read_frames(frames, transform, console)) if frames is not None else []
    if labels is None:
        kept, held = hold_out(kept)
        judges = spread(held, JUDGES)
    else:
        if split == "val":
            raise InputError("the val frames judge how well a model was trained and must stay unseen: calibrate on --split train")
        kept_labels, held_labels = hold_out(list_frames(labels, split))
        candidates = spread(kept_labels, CANDIDATES)
        kept += [_read_labelled(frame, transform, False) for frame in follow(candidates, "reading frames", console)]
        judges = [_read_labelled(frame, transform, True) for frame in spread_by_source(held_labels, JUDGES)]
    if len(kept) < FEWEST or len(judges) < FEWEST:
        # Three quarters are chosen from, and a quarter is held out.
        needed = round(FEWEST / HELD_SHARE)
        raise InputError(f"only {len(kept) + len(judges)} frames to calibrate and judge on: give {needed} or more")
    chosen = choose_unlike(np.array([describe(sample.picture) for sample in kept]), count)
    return Material([kept[index] for index in chosen], judges)


def read_frames(text: str, transform: FrameTransform, console: Console) -> list[Sample]:
    """All frames that `text` means or, where these are more than `CANDIDATES`, every second, fourth and so on.

    Raises:
        InputError: there are none, or they come from a camera or a stream and never end.
    """
    samples: list[Sample] = []
    sources = find_sources(text)
    for source in sources.opened():
        with source:
            if source.info.kind not in ("video", "images"):
                raise InputError(f"{text}: calibration needs recorded frames; give a video, a folder or a glob")
            found: list[Sample] = []
            stride = 1
            for index, frame in enumerate(follow(source, source.info.name, console, source.info.frames)):
                if index % stride:
                    continue
                picture = _fit(frame.pixels, transform)
                found.append(Sample(picture, frame.size, f"{source.info.name} {frame.stem}", text, source.info.name))
                if len(found) > max(FEWEST, CANDIDATES // len(sources)):
                    found, stride = found[::2], 2 * stride
            samples += found
    if not samples:
        raise InputError(f"{text}: holds no frame that can be read; give a video, a folder or a glob of images")
    return samples


def hold_out(frames: Sequence[Frames]) -> tuple[list[Frames], list[Frames]]:
    """Divides frames into those to calibrate on and those held out, of every source about `HELD_SHARE`, whole sequences each.

    Where a source has but one sequence, that is cut into four stretches of time; then only at the cuts are there likenesses.
    """
    kept: list[Frames] = []
    held: list[Frames] = []
    for group in _grouped(frames, "source"):
        parts = _grouped(group, "sequence")
        if len(parts) == 1:
            parts = [group[len(group) * k // 4 : len(group) * (k + 1) // 4] for k in range(4)]
        parts.sort(key=len)
        # A third more than wanted still does: sequences are as long as they are.
        room = len(group) * HELD_SHARE * 4 / 3
        taken = [parts.pop(0)] if len(parts[0]) > room else []
        for part in reversed(parts):
            if sum(map(len, taken)) + len(part) <= room:
                taken.append(part)
            else:
                kept += part
        held += [frame for part in taken for frame in part]
    return kept, held


def _grouped(frames: Sequence[Frames], by: str) -> list[list[Frames]]:
    groups: dict[str, list[Frames]] = defaultdict(list)
    for frame in frames:
        groups[getattr(frame, by)].append(frame)
    return list(groups.values())


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, evenly spaced; all where they are no more."""
    if len(items) <= count:
        return list(items)
    return [items[round(index)] for index in np.linspace(0, len(items) - 1, count)]


def spread_by_source(frames: Sequence[Frames], count: int) -> list[Frames]:
    """The same number from each source, `count` in all at most."""
    groups = _grouped(frames, "source")
    return [frame for group in groups for frame in spread(group, count // len(groups))]


def describe(picture: Picture) -> NDArray[np.float32]:
    """What a frame looks like, as a vector: a thumbnail, and its brightness, contrast and colourfulness over the whole."""
    # Two steps: INTER_AREA from full size directly costs 3 ms more.
    thumbnail = cv2.resize(cv2.resize(picture, (80, 48), interpolation=cv2.INTER_AREA), (16, 10), interpolation=cv2.INTER_AREA) / 255
    grey = thumbnail.mean(axis=2)
    colourfulness = (thumbnail.max(axis=2) - thumbnail.min(axis=2)).mean()
    # Scaled so that the thumbnail's distance is a mean over its pixels, and each of the three counts as much as it.
    vector: NDArray[np.float32] = np.append(thumbnail.ravel() / np.sqrt(thumbnail.size), [grey.mean(), grey.std(), colourfulness])
    return vector.astype(np.float32)


def choose_unlike(vectors: NDArray[np.float32], count: int) -> list[int]:
    """Indices of `count` vectors that cover all of them: first the one nearest to the mean, then always the one furthest from those chosen.

    None is further from its nearest chosen one than twice what the best choice could reach (Gonzalez 1985,
    https://doi.org/10.1016/0304-3975(85)90224-5).
    """
    chosen = [int(np.linalg.norm(vectors - vectors.mean(axis=0), axis=1).argmin())]
    distance = np.linalg.norm(vectors - vectors[chosen[0]], axis=1)
    while len(chosen) < min(count, len(vectors)):
        distance[chosen[-1]] = -1  # copies of a frame are chosen last, but none twice
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(vectors - vectors[chosen[-1]], axis=1))
    return chosen


def _read_labelled(frame: LabelledFrame, transform: FrameTransform, with_label: bool) -> Sample:
    pixels, mask, ignore = frame.read_as_labelled()
    size = pixels.shape[1], pixels.shape[0]
    label = (mask, ignore) if with_label else None
    return Sample(_fit(pixels, transform), size, f"{frame.source}/{frame.stem}", frame.source, frame.sequence, label)


def _fit(pixels: Picture, transform: FrameTransform) -> Picture:
    picture = np.empty((transform.height, transform.width, 3), np.uint8)
    transform.fit(pixels.shape[1], pixels.shape[0]).to_model(pixels, picture)
    return picture
