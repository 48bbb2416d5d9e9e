"""Which frames a model is calibrated, selected and tested on: few, unlike each other, and never of one drive in two of the sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calibration.progress import show_progress
from lanes.arrays import BGRImage, Mask
from lanes.capture import find_sources
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.results import Band
from lanes.segment.transform import FrameTransform

CANDIDATES = 512
"""Frames that are read to choose from, at most: as many inputs of 640x384 take 380 MB."""

SCORED = 96
"""Frames of the validation set and of the test set, at most."""

FEWEST = 8
"""Frames of a set, at least."""

HELD_SHARE = 0.4
"""Part of unlabelled frames that is not calibrated on, half of it for either set, as nearly as whole drives allow."""


@dataclass(frozen=True, slots=True)
class FittedFrame:
    """One frame, fitted to the model.

    Attributes:
        image: (H, W, 3) uint8 BGR, the model's input.
        size: (width, height) of the frame that it was, pixels.
        name: what it is called in reports.
        source: what it is pooled with in scores.
        drive: the drive that it belongs to.
        band: the rows of the frame in `image`; None for all.
        ground_truth: mask and ignore (or None), (height, width) uint8, non-zero = lane paint and = not known; None without a label.
    """

    image: BGRImage
    size: tuple[int, int]
    name: str
    source: str
    drive: str
    band: Band | None = None
    ground_truth: tuple[Mask, Mask | None] | None = None


@dataclass(frozen=True, slots=True)
class FrameSets:
    """What a model is quantised with: no drive is in two of the sets.

    Attributes:
        calibration: for the ranges of activations, and what one layer costs.
        validation: selects the calibrator and the layers.
        test: selects nothing; the result is accepted and reported on it.
    """

    calibration: list[FittedFrame]
    validation: list[FittedFrame]
    test: list[FittedFrame]

    @property
    def labelled(self) -> bool:
        """Whether there is ground truth to validate and test against."""
        return self.test[0].ground_truth is not None


class InSequence(Protocol):
    """A frame that says where it comes from."""

    @property
    def source(self) -> str: ...
    @property
    def drive(self) -> str: ...


Frames = TypeVar("Frames", bound=InSequence)
Item = TypeVar("Item")
FindBand = Callable[[BGRImage], Band | None]
"""Which rows of a frame by itself, (H, W, 3) uint8 BGR, a model looks at: `Segmenter.still_band`."""


def whole_frame(pixels: BGRImage) -> None:
    """The band of a model that sees whole frames."""


def gather(
    transform: FrameTransform,
    frames: str | None,
    labels: Path | None,
    split: str,
    count: int,
    console: Console,
    find_band: FindBand = whole_frame,
) -> FrameSets:
    """Reads frames, divides them and chooses.

    With labels, the drives of `val` validate and those of `test` test, which the model was not trained on. Where there is no split
    `test`, the drives of `val` are divided between the two. Without labels, the drives of `frames` are divided among all three sets.

    Args:
        transform: of the model.
        frames: a video file, a folder or a glob of images or of videos, as `find_sources` takes; None for none.
        labels: labelled frames, as `list_frames` takes them; None for none.
        split: of the labelled frames, those to calibrate on.
        count: frames to calibrate on.
        console: where progress goes.
        find_band: which rows of a frame the model looks at.

    Raises:
        InputError: the frames cannot be used, or are too few.
    """
    candidates = list(read_frames(frames, transform, console, find_band)) if frames is not None else []
    if labels is None:
        candidates, held = hold_out(candidates, HELD_SHARE)
        validation, test = (subsample(part, SCORED) for part in hold_out(held, 0.5))
        needed = f"give {round(2 * FEWEST / HELD_SHARE)} or more"
    else:
        if split in ("val", "test"):
            raise InputError(f"the frames of the split {split} score the result and must not be calibrated on: use --split train")
        listed = {name: list_frames(labels, name) for name in (split, "val", "test")}
        if not listed["test"]:
            listed["val"], listed["test"] = hold_out(listed["val"], 0.5)
        chosen = subsample(listed[split], CANDIDATES)
        candidates += [_read_labelled(frame, transform, find_band, False) for frame in show_progress(chosen, "reading frames", console)]
        scored = [subsample_by_source(listed[name], SCORED) for name in ("val", "test")]
        validation, test = ([_read_labelled(frame, transform, find_band, True) for frame in part] for part in scored)
        needed = f"give {FEWEST} or more of the split {split}, and twice as many of val"
    if min(len(candidates), len(validation), len(test)) < FEWEST:
        counts = f"{len(candidates)} frames to calibrate on, {len(validation)} to validate and {len(test)} to test on"
        raise InputError(f"only {counts}: {needed}")
    chosen_indices = choose_unlike(np.array([describe(frame.image) for frame in candidates]), count)
    return FrameSets([candidates[index] for index in chosen_indices], validation, test)


def read_frames(text: str, transform: FrameTransform, console: Console, find_band: FindBand = whole_frame) -> list[FittedFrame]:
    """All frames that `text` means or, where these are more than `CANDIDATES`, every second, fourth and so on.

    Raises:
        InputError: there are none, or they come from a camera or a stream and never end.
    """
    fitted: list[FittedFrame] = []
    sources = find_sources(text)
    for source in sources.opened():
        with source:
            if source.info.kind not in ("video", "images"):
                raise InputError(f"{text}: calibration needs recorded frames; give a video, a folder or a glob")
            found: list[FittedFrame] = []
            stride = 1
            for index, frame in enumerate(show_progress(source, source.info.name, console, source.info.frames)):
                if index % stride:
                    continue
                image, band = _fit(frame.pixels, transform, find_band)
                found.append(FittedFrame(image, frame.size, f"{source.info.name} {frame.stem}", text, source.info.name, band))
                if len(found) > max(FEWEST, CANDIDATES // len(sources)):
                    found, stride = found[::2], 2 * stride
            fitted += found
    if not fitted:
        raise InputError(f"{text}: holds no frame that can be read; give a video, a folder or a glob of images")
    return fitted


def hold_out(frames: Sequence[Frames], share: float) -> tuple[list[Frames], list[Frames]]:
    """Divides frames into those kept and those held out, of every source about `share`, whole drives each.

    Where a source has but one drive, that is cut into four stretches of time; then only at the cuts are frames alike.
    """
    kept: list[Frames] = []
    held: list[Frames] = []
    for group in _grouped(frames, "source"):
        parts = _grouped(group, "drive")
        if len(parts) == 1:
            parts = [group[len(group) * k // 4 : len(group) * (k + 1) // 4] for k in range(4)]
        parts.sort(key=len)
        # A third more than wanted is well enough: drives are as long as they are.
        most = len(group) * share * 4 / 3
        taken = [parts.pop(0)] if len(parts[0]) > most else []
        for part in reversed(parts):
            if sum(map(len, taken)) + len(part) <= most:
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


def subsample(items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, evenly spaced; all where they are no more."""
    if len(items) <= count:
        return list(items)
    return [items[round(index)] for index in np.linspace(0, len(items) - 1, count)]


def subsample_by_source(frames: Sequence[Frames], count: int) -> list[Frames]:
    """The same number from each source, `count` in all at most."""
    groups = _grouped(frames, "source")
    return [frame for group in groups for frame in subsample(group, count // len(groups))]


def describe(image: BGRImage) -> NDArray[np.float32]:
    """What a frame looks like, as a vector: a thumbnail, and its brightness, contrast and colourfulness over the whole."""
    # Two steps: INTER_AREA from full size directly costs 3 ms more.
    thumbnail = cv2.resize(cv2.resize(image, (80, 48), interpolation=cv2.INTER_AREA), (16, 10), interpolation=cv2.INTER_AREA) / 255
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


def _read_labelled(frame: LabelledFrame, transform: FrameTransform, find_band: FindBand, with_label: bool) -> FittedFrame:
    pixels, mask, ignore = frame.read_as_labelled()
    size = pixels.shape[1], pixels.shape[0]
    label = (mask, ignore) if with_label else None
    image, band = _fit(pixels, transform, find_band)
    return FittedFrame(image, size, f"{frame.source}/{frame.stem}", frame.source, frame.drive, band, label)


def _fit(pixels: BGRImage, transform: FrameTransform, find_band: FindBand) -> tuple[BGRImage, Band | None]:
    """A frame, or the band of it that the model looks at, in the model's input; and that band."""
    image = np.empty((transform.height, transform.width, 3), np.uint8)
    band = find_band(pixels)
    transform.fit(pixels.shape[1], pixels.shape[0], band).to_model(pixels, image)
    return image, band
