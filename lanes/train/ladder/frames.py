"""The ladder's frames, decoded, labelled and scaled once, in one file that all trainings map into memory.

This is preparation and no part of a budget: every training would do the same, and the decoding of JPEGs would be most of what it did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lanes.data.augment import Sample
from lanes.data.frames import LabelledFrame, by_source, sample_drives
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.files import Draft, make_folder, write_atomically
from lanes.models import LADDER_SIZE
from lanes.segment.transform import FrameTransform
from lanes.train.loaders import fit_sample, read_sample

LONGEST_SIDE = 640
"""Training frames are kept no larger than this, pixels: a model that is 512 wide sees no more of them."""

THRESHOLD_SHARE = 0.2
"""Part of a source's training frames, whole drives, that are not trained on: the threshold is chosen on them."""

THRESHOLD_FRAMES = 24
"""Frames of a source that the threshold is chosen on, at most."""

PARTS = ("training", "threshold", "validation")

Record: TypeAlias = tuple[int, int, int, int, int]
"""Where a frame's bytes begin, its height and width, and width and height of the frame that it was."""

TRANSFORM = FrameTransform(*LADDER_SIZE)


def divide(data: Path, validation_frames: int) -> dict[str, list[LabelledFrame]]:
    """The frames of a folder by part: to train on, to choose the threshold on, to validate on.

    The threshold is chosen on drives of `train` that are not trained on: of each source with three drives or more whose labels can be
    scored. Where there is no such source, it is not chosen. All of `val` is validated on and chooses nothing.

    Args:
        data: labelled frames in any format that training reads.
        validation_frames: of a source, at most; they are spread over its drives.

    Raises:
        InputError: there is nothing to train or to validate on.
    """
    training, held = [], []
    for frames in by_source(list_frames(data, "train")).values():
        several = len({frame.drive for frame in frames}) >= 3 and frames[0].for_validation
        chosen = sample_drives(frames, THRESHOLD_SHARE) if several else set()
        training += [frame for frame in frames if frame.drive not in chosen]
        held += _spread([frame for frame in frames if frame.drive in chosen], THRESHOLD_FRAMES)
    validation = [frame for frames in by_source(list_frames(data, "val")).values() for frame in _spread(frames, validation_frames)]
    if not training or not validation:
        raise InputError(f"{data} has no frames to {'validate' if training else 'train'} on")
    return dict(zip(PARTS, (training, held, validation), strict=True))


def _spread(frames: Sequence[LabelledFrame], most: int) -> list[LabelledFrame]:
    """`most` of the frames at equal distances."""
    return [frames[index * len(frames) // most] for index in range(most)] if len(frames) > most else list(frames)


class PreparedFrames:
    """Samples of frames in a file that is mapped into memory.

    Args:
        folder: what `prepare` filled.
    """

    def __init__(self, folder: Path) -> None:
        self._records: dict[str, Record] = {
            name: tuple(record) for name, record in json.loads((folder / "frames.json").read_text()).items()
        }
        self._bytes: NDArray[np.uint8] = np.memmap(folder / "frames.bin", np.uint8, "r")

    def __getitem__(self, frame: LabelledFrame) -> Sample:
        """The sample of a frame, copied."""
        start, height, width, *frame_size = self._records[_key(frame)]
        area = height * width
        planes = np.array(self._bytes[start : start + 5 * area])
        pixels, target, weight = planes[: 3 * area], planes[3 * area : 4 * area], planes[4 * area :]
        size = (frame_size[0], frame_size[1])
        return Sample(pixels.reshape(height, width, 3), target.reshape(height, width), weight.reshape(height, width), size)


def prepare(parts: dict[str, list[LabelledFrame]], folder: Path, executor: Executor) -> None:
    """Writes all frames to `folder`, unless it has them: those to train on larger than the model's input, the others as a model sees them.

    Raises InputError where a frame or its label is missing or broken.
    """
    index = folder / "frames.json"
    wanted = [_key(frame) for part in PARTS for frame in parts[part]]
    if index.exists() and list(json.loads(index.read_text())) == wanted:
        return
    make_folder(folder)
    training, *fitted = (parts[part] for part in PARTS)
    samples = executor.map(partial(read_sample, longest=LONGEST_SIDE), training, chunksize=8)
    views = executor.map(partial(fit_sample, transform=TRANSFORM), [frame for frames in fitted for frame in frames], chunksize=8)
    draft = Draft(folder / "frames.bin")
    try:
        records = _write(draft.path, chain(samples, views))
        draft.publish()
    finally:
        draft.discard()
    write_atomically(index, json.dumps(dict(zip(wanted, records, strict=True))))


def _write(path: Path, samples: Iterable[Sample]) -> list[Record]:
    records, start = [], 0
    with path.open("wb") as file:
        for sample in samples:
            height, width = sample.target.shape
            records.append((start, height, width, *(sample.frame_size or (width, height))))
            for plane in (sample.pixels, sample.target, sample.weight):
                file.write(np.ascontiguousarray(plane).data)
            start += 5 * height * width
    return records


def _key(frame: LabelledFrame) -> str:
    return f"{frame.split}/{frame.source}/{frame.drive}/{frame.stem}"
