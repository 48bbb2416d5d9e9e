"""Trains once for each source without it, and counts what the result finds there: what a model is worth on roads of a kind it never saw."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engines.export import export_onnx, load_checkpoint
from lanes import load_segmenter
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.evaluate.probability import LEVELS, LevelCounts
from lanes.evaluate.run import measure
from lanes.train.command import parse
from lanes.train.run import train
from lanes.train.threshold import choose_threshold

Split = Literal["val", "train"]
SPLITS: tuple[Split, ...] = ("val", "train")

Drives = dict[str, LevelCounts]
"""What was counted of each drive, at every threshold."""

LeftOut = dict[Split, Drives]
"""What was counted of a source by a network that never saw it: drives that trainings hold back, and those that they train on."""


def validate_without(source: str, args: argparse.Namespace, passed_on: Iterable[str]) -> LeftOut:
    """Trains without a source and runs the result over it.

    Raises:
        InputError, ProcessingError: the training, the export or the evaluation do.
    """
    folder = args.out / source
    # What is passed on comes first, so that it cannot stand for what is scored. Lightning starts the program once for each further GPU,
    # and what follows the training is to be done once.
    asked = ["--data", str(args.data), "--out", str(folder), "--leave-out", source, "--resume", "--devices", "1"]
    checkpoint = train(parse([*passed_on, *asked]))
    model = export_onnx(*load_checkpoint(checkpoint), folder / "model.onnx")
    found: LeftOut = {}
    with load_segmenter(str(model.path)) as segmenter:
        for split in SPLITS:
            by_drive: defaultdict[str, list[LabelledFrame]] = defaultdict(list)
            for frame in list_frames(args.data, split, {source}):
                by_drive[frame.drive].append(frame)
            if by_drive:
                found[split] = {drive: measure(segmenter, frames).sources[source].levels for drive, frames in by_drive.items()}
    return found


def common_threshold(found: Mapping[str, LeftOut]) -> float:
    """The threshold that is best for all networks together, by `choose_threshold`, on drives that trainings otherwise train on.

    On roads never seen a network is less sure than on those that it knows, and what its own training chose is too high for them. The
    drives of the split `val`, which figures elsewhere are of, decide nothing; where there are no others, it is the default.
    """
    return choose_threshold([sum(splits["train"].values(), LevelCounts()) for splits in found.values() if "train" in splits])


def to_json(found: LeftOut) -> str:
    """What `read_counts` reads."""
    rows = {
        split: {drive: {name: np.asarray(value).tolist() for name, value in asdict(counts).items()} for drive, counts in drives.items()}
        for split, drives in found.items()
    }
    return json.dumps(rows) + "\n"


def read_counts(path: Path) -> LeftOut:
    """What `to_json` made of a source. Raises InputError where the file is damaged."""
    try:
        found: dict[Split, dict[str, Any]] = json.loads(path.read_bytes())
        return {split: {drive: _counts(row) for drive, row in found[split].items()} for split in SPLITS if split in found}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is damaged: delete it, and the source is scored again") from None


def _counts(row: dict[str, Any]) -> LevelCounts:
    histograms = {each.name: np.array(row[each.name], np.int64) for each in fields(LevelCounts) if each.name != "frames"}
    if any(histogram.shape != (LEVELS,) for histogram in histograms.values()):
        raise ValueError
    return LevelCounts(int(row["frames"]), **histograms)
