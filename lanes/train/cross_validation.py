"""Trains once for each source without it, and scores the result on that source: what a model is worth on roads of a kind it never saw."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from engines.export import export_onnx, load_checkpoint
from lanes import load_segmenter
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.evaluate.pixels import PixelCounts
from lanes.evaluate.run import measure
from lanes.evaluate.scores import SCORES, Row, score_row
from lanes.train.command import parse
from lanes.train.run import train

SPLITS = ("val", "train")


class Scores(TypedDict):
    """What was scored of a split: rows of `lanes.evaluate.scores.SCORES`.

    Attributes:
        all: of the pixels of its drives together.
        drives: of each drive.
    """

    all: Row
    drives: dict[str, Row]


def validate_without(source: str, args: argparse.Namespace, passed_on: Sequence[str]) -> dict[str, Scores]:
    """Trains without a source and scores the result on it, by split.

    Raises:
        InputError, ProcessingError: the training, the export or the evaluation do.
    """
    folder = args.out / source
    # What is passed on comes first, so that it cannot stand for what is scored. Lightning starts the program once for each further GPU,
    # and what follows the training is to be done once.
    asked = ["--data", str(args.data), "--out", str(folder), "--leave-out", source, "--resume", "--devices", "1"]
    checkpoint = train(parse([*passed_on, *asked]))
    model = export_onnx(*load_checkpoint(checkpoint), folder / "model.onnx")
    found: dict[str, Scores] = {}
    with load_segmenter(str(model.path)) as segmenter:
        for split in SPLITS:
            frames = list_frames(args.data, split, {source})
            if frames:
                by_drive: dict[str, PixelCounts] = defaultdict(PixelCounts)
                for frame, counts in measure(segmenter, frames).frames:
                    by_drive[frame.drive] += counts
                together = score_row(sum(by_drive.values(), PixelCounts()))
                found[split] = {"all": together, "drives": {drive: score_row(counts) for drive, counts in by_drive.items()}}
    return found


def read_scores(path: Path) -> dict[str, Scores]:
    """What `validate_without` found. Raises InputError where the file is damaged."""
    try:
        found: dict[str, Scores] = json.loads(path.read_bytes())
        for scores in found.values():
            for row in (scores["all"], *scores["drives"].values()):
                if not {"frames", *SCORES} <= row.keys():
                    raise ValueError
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is damaged: delete it, and the source is scored again") from None
    return found
