"""How much of what is painted on the road and is no lane line a model takes for one: `python -m lanes.evaluate.markings`.

Arrows, words, stop lines and zebra crossings are laid on rendered roads of seeds that no training draws, and known to the pixel. Prints by
kind which share of them the mask holds, how much of the lane paint it finds on the same roads, and how much of the frame it marks where no
paint is. Compare models on the same number of roads: they are then the same roads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.progress import track
from rich.table import Table

from lanes import load_segmenter
from lanes.arrays import BGRImage, Mask
from lanes.cli.arguments import Parser, count
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.errors import exit_status
from lanes.evaluate.pixels import PixelCounts, count_pixels
from lanes.renderer import RoadRenderer, Scene
from lanes.renderer.elements import Marking
from lanes.segment.segmenter import Segmenter

KINDS = ("zebra", "stop", "arrow", "word", "diamond")

SEED = 0x1A4E
"""Begins the seed of every road here; trainings seed theirs with their own number and their worker's, which are small."""

SIZE = (960, 544)
"""Of the rendered frames, pixels."""

NEAR_M, FAR_M = 4.0, 18.0
"""The nearest marking begins between these distances ahead."""

APART_M = 14.0
"""And another one follows so far behind it."""


@dataclass(slots=True)
class MarkingCounts:
    """What was counted on the roads with one kind of marking.

    Attributes:
        marked: pixels of the marking. taken: those of them that the mask holds.
        lane: the mask against the lane paint, where neither marking nor paint too faint to tell is.
    """

    marked: int
    taken: int
    lane: PixelCounts

    @property
    def share(self) -> float:
        """Share of the markings that is taken for lane paint."""
        return self.taken / self.marked if self.marked else 0.0


def roads(kind: str, number: int) -> Iterator[tuple[BGRImage, Mask, Mask, Mask]]:
    """Rendered roads with one kind of marking, always the same ones.

    Yields:
        Frame (H, W, 3) uint8 BGR, and (H, W) uint8 masks, 0 or 255: lane paint, marking, and what a label cannot tell.
    """
    for index in range(number):
        rng = np.random.default_rng((SEED, KINDS.index(kind), index))
        scene = Scene.random(rng)
        lane = 0.0 if kind == "zebra" else ((len(scene.lines) - 1) / 2 - scene.ego_lane - 0.5) * scene.lane_width
        near, wear = float(rng.uniform(NEAR_M, FAR_M)), float(rng.uniform(0, 0.4))
        laid = tuple(Marking(kind, near + far, lane, "SLOW", wear) for far in (0.0, APART_M))
        rendering = RoadRenderer(replace(scene, markings=laid), *SIZE).render(0.0)
        unknown = np.where((rendering.other_paint > 0) & (rendering.markings == 0), 255, 0).astype(np.uint8)
        yield rendering.pixels, rendering.paint, rendering.markings, unknown


def measure(segmenter: Segmenter, kind: str, number: int) -> MarkingCounts:
    """Counts over so many roads with one kind of marking, at the model's own threshold, each frame by itself."""
    found = MarkingCounts(0, 0, PixelCounts())
    for pixels, paint, marking, unknown in roads(kind, number):
        mask = np.where(segmenter(pixels) > segmenter.threshold, 255, 0).astype(np.uint8)
        found.marked += int(np.count_nonzero(marking))
        found.taken += int(np.count_nonzero(mask[marking > 0]))
        found.lane += count_pixels(mask, paint, marking | unknown)
    return found


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.evaluate.markings", __doc__)
    parser.add_argument("--roads", type=count, default=60, metavar="N", help="rendered roads of each kind")
    parser.add_argument("--model", type=str, default="unet", help="name of a bundled model, or an ONNX file")
    parser.add_argument("--engine", type=str, default="auto", help="engine that runs the model")
    parser.add_argument("--precision", type=str, default="auto", help="precision that the engine calculates in")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    """Carries out a request. Raises InputError or ProcessingError."""
    table = Table("marking", "roads", "taken for lane paint", "lane paint: relaxed F1", "recall", "false area", box=None)
    with load_segmenter(args.model, args.engine, args.precision) as segmenter:
        for kind in track(KINDS, "markings", console=plain_console(stderr=True), transient=True):
            found = measure(segmenter, kind, args.roads)
            lane = found.lane
            scores = f"{lane.relaxed_f1:.3f}", f"{lane.relaxed_recall:.3f}", f"{lane.false_area:.2%}"
            table.add_row(kind, str(args.roads), f"{found.share:.1%}", *scores)
    plain_console(width=100).print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.evaluate.markings"):
        return exit_status("lanes.evaluate.markings", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
