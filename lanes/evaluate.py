"""Scores a model on labelled frames: `python -m lanes.evaluate --data lanedata`.

Frames go the way a video's frames go: through `Segmenter`, at the frame's own size. Pixel counts are pooled over the frames of
a source; the mean is over sources, so that none drowns another.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lanes import load_segmenter
from lanes.data.lanedata import LabelledFrame, list_frames
from lanes.errors import RequestError
from lanes.metrics import PixelCounts, count_pixels
from lanes.segmenter import Segmenter

SCORES = ("iou", "relaxed_precision", "relaxed_recall", "relaxed_f1", "false_area")


def evaluate(segmenter: Segmenter, frames: list[LabelledFrame], threshold: int | None = None) -> dict[str, PixelCounts]:
    """Pixel counts by source. `threshold`: 0 to 255, above which a pixel is lane; default the model's own."""
    threshold = segmenter.threshold if threshold is None else threshold
    counts: dict[str, PixelCounts] = defaultdict(PixelCounts)
    for frame in track(frames, "frames", console=Console(stderr=True), transient=True):
        pixels, truth, ignore = frame.read_as_labelled()
        mask = (segmenter(pixels) > threshold).astype(np.uint8)
        counts[frame.source] += count_pixels(mask, truth, ignore)
    return dict(counts)


def as_table(counts: dict[str, PixelCounts]) -> dict[str, dict[str, float]]:
    """Every score by source, and their unweighted mean."""
    rows = {source: {"frames": count.frames} | {score: getattr(count, score) for score in SCORES} for source, count in counts.items()}
    mean = {score: float(np.mean([row[score] for row in rows.values()])) for score in SCORES}
    return rows | {"mean": {"frames": sum(count.frames for count in counts.values())} | mean}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lanes.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled frames in the lanedata layout")
    parser.add_argument("--split", default="val")
    parser.add_argument("--source", help="one source only")
    parser.add_argument("--model", default="unet", help="a bundled model's name, or an ONNX file")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path, help="write the table here too")
    return parser.parse_args(arguments)


def main() -> int:
    """Entry point."""
    args = parse()
    try:
        frames = list_frames(args.data, args.split, None if args.source is None else {args.source})
        if not frames:
            raise RequestError(
                f"{args.data} has no frames of split {args.split!r}" + (f" and source {args.source!r}" if args.source else "")
            )
        with load_segmenter(args.model, args.engine, args.precision) as segmenter:
            rows = as_table(evaluate(segmenter, frames))
    except RequestError as error:
        print(f"lanes.evaluate: {error}", file=sys.stderr)
        return 2
    table = Table("source", *("frames", *SCORES), box=None)
    for source, row in rows.items():
        table.add_row(source, str(row["frames"]), *(f"{row[score]:.4f}" for score in SCORES))
    Console(width=100).print(table)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
