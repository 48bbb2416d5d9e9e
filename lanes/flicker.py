"""How much a model flickers on unlabelled videos: `python -m lanes.flicker clip.mp4`.

Prints, for each video, how well a mask agrees with the one before it, warped along the optical flow (consistency, 0 to 1); which
share of the paint that both neighbours of a frame have is missing in it (false negatives); which share of its paint neither neighbour has
(false positives); and how often a boundary of the ego lane jumps. Compare models on one video.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from lanes import load_segmenter
from lanes.capture.open import find_sources
from lanes.capture.source import Source
from lanes.cli.arguments import Parser
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.errors import InputError, ProcessingError, exit_status
from lanes.evaluate.flicker import Flicker, measure_flicker, segmented
from lanes.segment.segmenter import Segmenter


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.flicker", __doc__)
    parser.add_argument("videos", type=str, nargs="+", metavar="VIDEO", help="file, folder of files, or pattern")
    parser.add_argument("--model", type=str, default="unet", help="name of a bundled model, or an ONNX file")
    parser.add_argument("--engine", type=str, default="auto", help="engine that runs the model")
    parser.add_argument("--precision", type=str, default="auto", help="precision that the engine calculates in")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> int:
    """Carries out a request and returns the exit status: 1 when a video had to be skipped. Raises InputError or ProcessingError."""
    progress = plain_console(stderr=True)
    table = Table("video", "frames", "consistency", "false negatives", "false positives", "ego lane jumped", box=None)
    skipped = 0
    failures: list[InputError | ProcessingError] = []
    with load_segmenter(args.model, args.engine, args.precision) as segmenter:
        for videos in args.videos:
            try:
                sources = find_sources(videos)
                for source in sources.opened():
                    try:
                        flicker = _measure(source, segmenter, progress)
                    except (InputError, ProcessingError) as error:
                        failures.append(error)
                    else:
                        table.add_row(source.info.name, *_cells(flicker))
                skipped += sources.skipped
            except InputError as error:  # nothing there can be opened
                failures.append(error)
    for failure in failures if table.row_count else failures[:-1]:
        logging.getLogger(__name__).error("%s", failure)
    if failures and not table.row_count:
        raise failures[-1]
    plain_console(width=120).print(table)
    return int(skipped + len(failures) > 0)


def _cells(flicker: Flicker) -> list[str]:
    shares = flicker.false_negative_rate, flicker.false_positive_rate, flicker.boundaries_jumped
    return [str(flicker.frames), f"{flicker.consistency:.4f}", *(f"{share:.2%}" for share in shares)]


def _measure(source: Source, segmenter: Segmenter, progress: Console) -> Flicker:
    """Flicker of one video. Raises InputError or ProcessingError where it has too few frames, has no end, or is lost."""
    with source:
        if source.info.live:
            raise InputError(f"{source.info.name}: has no end; record some of it and give the file")
        frames = track(segmented(source, segmenter), escape(source.info.name), source.info.frames, console=progress, transient=True)
        flicker = measure_flicker(frames)
    if not flicker.frames:
        raise InputError(f"{source.info.name}: fewer than three frames, so there is nothing to compare")
    return flicker


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.flicker"):
        return exit_status("lanes.flicker", lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
