#!/usr/bin/env python3
"""Draws the lanes on a dashcam video: `python run_video.py --source drive.mp4`. Without arguments it does so on a demo clip.

Exit status: 0 done; 2 the request or the input cannot be used; 1 something failed under way, what was finished is kept;
130 interrupted, likewise. Messages and progress go to stderr.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import cv2
from rich.console import Console

from engines.registry import ENGINES, PRECISIONS
from lanes import load_segmenter
from lanes.capture import find_sources
from lanes.capture.source import Source
from lanes.cli.arguments import count, probability
from lanes.cli.console import OneLineHandler, ProgressBar, latency_table, summary_line
from lanes.errors import INTERRUPTED, InputError, ProcessingError, exit_status
from lanes.files import check_file, check_is_folder
from lanes.output import default_output, open_outputs
from lanes.output.records import RecordsSink
from lanes.output.report import write_report
from lanes.output.sink import Sink
from lanes.pipeline import Pipeline
from lanes.results import FrameResult
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.latency import LatencyLog

DEMO_CLIP = Path(__file__).resolve().parent / "lanes" / "assets" / "demo.mp4"


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; --help lists what there is\n")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser(prog="run_video.py", description="Draws the lanes on a video. Without arguments: on a demo clip.")
    parser.add_argument(
        "--source",
        metavar="S",
        help="a video file; a folder or a glob of images or of videos; 0 or /dev/video0 (camera); csi://0; rtsp://, rtmp://, http(s)://; "
        "synthetic:// (rendered road); default the bundled demo clip",
    )
    parser.add_argument(
        "--output", type=named, metavar="PATH", help="overlay video (.mp4), a folder for images, or none; default outputs/<name>_lanes.mp4"
    )
    parser.add_argument("--masks", type=place, metavar="DIR", help="write each frame's lane mask here, an 8-bit PNG of 0 and 255")
    parser.add_argument("--records", type=place, metavar="FILE", help="write one JSON object a frame here, as it goes")
    parser.add_argument("--report", type=place, metavar="FILE", help="write the latency report here, JSON")
    parser.add_argument(
        "--engine", choices=("auto", "tensorrt", *ENGINES), default="auto", help="default auto: the fastest that works here"
    )
    parser.add_argument("--precision", choices=("auto", *PRECISIONS), default="auto")
    parser.add_argument(
        "--model", default="unet", metavar="M", help="a bundled model's name, or an ONNX file made by engines.export; default unet"
    )
    parser.add_argument(
        "--threshold", type=probability, metavar="T", help="probability above which a pixel is lane, 0 to 1; default the model's"
    )
    parser.add_argument(
        "--live", action="store_true", help="treat a file as if it were live: by its own clock, late frames dropped and counted"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="stop after N frames")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    return parser.parse_args(arguments)


def named(text: str) -> str:
    """Where an output is to go. An empty one is an unset variable of a shell, and an address would become folders of that name."""
    if text in ("", "-") or "://" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no place for an output: give the name of a file or folder")
    return text


def place(text: str) -> Path:
    """The same, as a path."""
    return Path(named(text))


class Run:
    """One call of the program: a segmenter and a stopwatch, and one source after the other through them."""

    def __init__(self, args: argparse.Namespace, console: Console, segmenter: Segmenter, several: bool) -> None:
        self.args = args
        self.console = console
        self.segmenter = segmenter
        self.several = several
        self.threshold = segmenter.threshold if args.threshold is None else round(255 * args.threshold)
        self.log = LatencyLog()
        self.corrupt = 0
        self.live = args.live
        self.names: list[str] = []
        self.places: set[Path] = set()
        self.interrupted = False
        self.failures: list[InputError | ProcessingError] = []

    def process(self, source: Source, records: Sequence[Sink]) -> None:
        """One source into its outputs. Of several videos, one that fails is named, and the next one follows.

        Raises:
            InputError, ProcessingError: the only source cannot be processed, or not to its end.
        """
        self.names.append(source.info.name)
        self.live = self.live or source.info.live
        try:
            with source, ExitStack() as sinks:
                output, still = self._output_of(source)
                masks = self.args.masks
                if masks and self.several:
                    masks = self._unclaimed(masks / Path(source.info.name).stem)
                for path in filter(None, (self.args.records, self.args.report, still)):
                    check_file(path, source.info.file.files if source.info.file else (), overwrite=True)
                opened = open_outputs(source.info, output=output, masks=masks, overwrite=self.args.overwrite)
                for sink in opened:
                    sinks.enter_context(sink)
                self._stream(source, [*records, *opened], output, still)
            written = [f"{kind}: {path}" for kind, path in (("overlay", output), ("still", still)) if path is not None and path.exists()]
            if written:
                self.console.print(", ".join(written), highlight=False, soft_wrap=True)
        except (InputError, ProcessingError) as error:
            if not self.several:
                raise
            self.failures.append(error)
            say(error)

    def _stream(self, source: Source, sinks: Sequence[Sink], output: Path | None, still: Path | None) -> None:
        pipeline = Pipeline(source, self.segmenter, sinks, self.log, draw=output is not None, threshold=self.threshold)
        expected, limit = source.info.frames, self.args.limit
        frames = limit if expected is None else min(expected, limit or expected)
        try:
            with ProgressBar(self.console, source.info.name, frames, not self.args.no_progress) as bar, self._stop_on_signals(pipeline):

                def on_frame(result: FrameResult) -> None:
                    bar.advance(result, self.log.throughput_fps)
                    if still is not None and frames and result.frame.index == frames // 2:
                        cv2.imwrite(str(still), result.frame.pixels)

                pipeline.run(limit, on_frame)
        finally:
            self.corrupt += source.corrupt

    def _output_of(self, source: Source) -> tuple[Path | None, Path | None]:
        """Where the overlay goes, and the demo's still picture. A demo finds a free name: who runs it twice wants no refusal."""
        output, info = self.args.output, source.info
        if output == "none":
            return None, None
        if output is None and self.args.source is None:
            path = default_output(info)
            for number in itertools.count(2):
                still = path.with_suffix(".png")
                if self.args.overwrite or not (path.exists() or still.exists()):
                    return path, still
                path = path.with_name(f"{Path(info.name).stem}_lanes-{number}.mp4")
        if output is None:
            return self._unclaimed(default_output(info)), None
        return (self._unclaimed(Path(output) / default_output(info).name) if self.several else Path(output)), None

    def _unclaimed(self, path: Path) -> Path:
        """The path, numbered where another video of this run has it already."""
        free, number = path, 1
        while free in self.places:
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        self.places.add(free)
        return free

    def finish(self) -> None:
        """Shows and writes the latency of all that was processed."""
        if not len(self.log):
            return
        engine = self.segmenter.engine
        facts = {
            "name": engine.name,
            "precision": engine.precision,
            "model": engine.model.metadata.name,
            "model_sha256": engine.model.sha256,
            "device": engine.device,
            "version": engine.version,
        }
        source = {"name": self.names[0] if len(self.names) == 1 else str(self.args.source), "files": self.names, "live": self.live}
        report = self.log.report(corrupt=self.corrupt, engine=facts, source=source)
        self.console.print(latency_table(report))
        self.console.print(summary_line(report), highlight=False, soft_wrap=True)
        if self.args.report is not None:
            write_report(self.args.report, report)

    @contextmanager
    def _stop_on_signals(self, pipeline: Pipeline) -> Iterator[None]:
        """The first Ctrl-C or SIGTERM ends the run in order, a second one at once."""

        def stop(number: int, _: FrameType | None) -> None:
            self.interrupted = True
            signal.signal(number, signal.default_int_handler)
            pipeline.stop()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(args: argparse.Namespace, console: Console) -> int:
    """Carries out a request and returns the exit status.

    Raises:
        InputError: it cannot be carried out; nothing is left behind under an output's name.
        ProcessingError: it failed under way; what was finished is kept.
    """
    check_places(args)
    sources = find_sources(str(DEMO_CLIP) if args.source is None else args.source, live=args.live)
    several = len(sources) > 1
    if several and args.output not in (None, "none"):
        check_is_folder(Path(args.output))
    with ExitStack() as stack:
        segmenter = stack.enter_context(load_segmenter(args.model, args.engine, args.precision))
        console.print(segmenter.engine.reason, style="dim", highlight=False, soft_wrap=True)
        work = Run(args, console, segmenter, several)
        records = [stack.enter_context(RecordsSink(args.records, overwrite=args.overwrite))] if args.records else []
        segmenter.warm_up()
        try:
            for source in sources.opened():
                work.process(source, records)
                if work.interrupted:
                    break
        finally:
            work.finish()
    if work.interrupted:
        say(f"interrupted after {len(work.log)} frames; what was finished is kept")
        return INTERRUPTED
    refused = sources.passed_over + sum(isinstance(failure, InputError) for failure in work.failures)
    if refused == len(sources):
        return 2
    return int(bool(work.failures) or sources.passed_over > 0)


def check_places(args: argparse.Namespace) -> None:
    """Refuses places for the records and the report that cannot be written, and any place that is named twice."""
    asked = [output for output in (args.output, args.masks, args.records, args.report) if output is not None and str(output) != "none"]
    places = [Path(output).absolute() for output in asked]
    for output, path in zip(asked, places, strict=True):
        if places.count(path) > 1:
            raise InputError(f"{output}: named for two outputs; give each a place of its own")
    for path in (args.records, args.report):
        if path is not None:
            check_file(path, overwrite=args.overwrite)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    console = Console(stderr=True, quiet=args.quiet)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(level=logging.ERROR if args.quiet else logging.WARNING, handlers=[OneLineHandler("run_video.py")])
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # a broken picture is told in this program's words
    return exit_status("run_video.py", lambda: run(args, console))


def say(message: object) -> None:
    """One line on stderr, which `--quiet` does not silence."""
    print(f"run_video.py: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
