"""How well and how steadily each rung sees: scores on labelled frames by source, and flicker on clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.ladder.candidates import Candidate
from lanes import load_segmenter
from lanes.arrays import Mask, ProbabilityMap
from lanes.capture.open import open_source
from lanes.data.frames import LabelledFrame
from lanes.evaluate.boundary import BoundaryError, boundary_error
from lanes.evaluate.flicker import Flicker, measure_flicker, segmented
from lanes.evaluate.pixels import PixelCounts, count_pixels
from lanes.evaluate.run import by_drive
from lanes.evaluate.scores import as_table
from lanes.segment.segmenter import Segmenter


def measure_accuracy(
    candidates: Sequence[Candidate], frames: Sequence[LabelledFrame], say: Callable[[str], object], console: Console
) -> dict[str, Any]:
    """The part `accuracy` of the result: scores of every rung by source, as `lanes.evaluate` counts them, and the error of its edges.

    Raises InputError where a frame or its label cannot be read.
    """
    by_rung = {}
    for candidate in candidates:
        say(f"{candidate.rung.name}: {len(frames)} labelled frames")
        with load_segmenter(candidate.model) as segmenter:
            by_rung[candidate.rung.name] = _score(segmenter, frames, console) | _engine(segmenter)
    sources = sorted({frame.source for frame in frames})
    return {"data": {"split": frames[0].split, "frames": len(frames), "sources": sources}, "by_rung": by_rung}


def _score(segmenter: Segmenter, frames: Sequence[LabelledFrame], console: Console) -> dict[str, Any]:
    counts: dict[str, PixelCounts] = defaultdict(PixelCounts)
    edges: dict[str, BoundaryError] = defaultdict(BoundaryError)
    for frame in track(by_drive(frames), "frames", console=console, transient=True):
        segmenter.reset()  # labelled frames are seconds apart: what is remembered of the one before is of another place
        pixels, ground_truth, ignore = frame.read_as_labelled()
        predicted = threshold(segmenter(pixels), segmenter.threshold)
        counts[frame.source] += count_pixels(predicted, ground_truth, ignore)
        edges[frame.source] += boundary_error(predicted, ground_truth, ignore)
    means = {source: error.mean for source, error in edges.items()}
    known = [mean for mean in means.values() if mean is not None]
    return {"scores": as_table(counts), "boundary_px": means | {"mean": float(np.mean(known)) if known else None}}


def measure_flicker_on(candidates: Sequence[Candidate], clips: Sequence[Path], say: Callable[[str], object]) -> dict[str, Any]:
    """The part `flicker` of the result: of every rung on every clip, and the mean over clips.

    Raises InputError or ProcessingError where a clip cannot be read.
    """
    by_rung: dict[str, Any] = {}
    for candidate in candidates:
        rows = {}
        with load_segmenter(candidate.model) as segmenter:
            for clip in clips:
                say(f"{candidate.rung.name}: {clip.name}")
                segmenter.reset()
                with open_source(str(clip)) as source:
                    rows[clip.stem] = flicker_row(measure_flicker(segmented(source, segmenter)))
            by_rung[candidate.rung.name] = {"clips": rows, "mean": _mean(list(rows.values()))} | _engine(segmenter)
    return {"clips": [clip.stem for clip in clips], "by_rung": by_rung}


def flicker_row(found: Flicker) -> dict[str, Any]:
    """`flicker`: the share of paint that is missing in one frame alone, and of paint that is there in one frame alone, together."""
    return {
        "frames": found.frames,
        "flicker": found.false_negative_rate + found.false_positive_rate,
        "missing": found.false_negative_rate,
        "alone": found.false_positive_rate,
        "consistency": found.consistency,
        "jumped": found.boundaries_jumped,
        "predicted": found.predicted,
    }


def _mean(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Unweighted, so that no clip drowns another."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name not in ("frames", "predicted")}


def _engine(segmenter: Segmenter) -> dict[str, Any]:
    return {"engine": segmenter.engine.name, "precision": segmenter.engine.precision}


def threshold(probability: ProbabilityMap, level: int) -> Mask:
    """The mask: 255 where the probability is above `level`."""
    return np.where(probability > level, 255, 0).astype(np.uint8)
