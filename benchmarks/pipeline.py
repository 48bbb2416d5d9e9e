"""This pipeline against a baseline, the loop that anybody writes in ten minutes: `python -m benchmarks.pipeline CLIP`.

The baseline reads with OpenCV, runs the same weights in eager fp32 PyTorch, tints the mask and writes `mp4v` with OpenCV, one step after
the other. The two are run interleaved over the same frames, so that a machine whose speed drifts is fair to both. With `--baseline-model`
the loop runs other weights: those of an earlier release show what all that has changed since then is worth, the network included.

The bound is what this machine could do at best with the pipeline's own parts: the rate of the slowest stage when it is run by itself,
or the cores divided by the processor time that a frame takes, whichever is less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common.cli import ALL_ENGINES, add_json, add_model_options, add_rounds, check_outputs, print_notes
from benchmarks.common.interleave import interleaved
from benchmarks.common.observe import observe_machine
from benchmarks.common.plots import COLOURS, GREY, new_figure
from benchmarks.common.results import Result, engine_facts, new_result, write_result
from engines.backends.torch_cpu import TorchEngine
from engines.cores import usable_cores
from lanes import load_segmenter
from lanes.capture.select import Selected
from lanes.capture.video import VideoFile
from lanes.cli.arguments import Parser, count
from lanes.cli.console import plain_console
from lanes.draw.overlay import Overlay
from lanes.draw.readout import Readout
from lanes.errors import exit_status
from lanes.geometry.estimator import PerFrameEstimator
from lanes.output import open_outputs
from lanes.pipeline import Pipeline
from lanes.results import FrameResult, RoadState
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "pipeline"


def run_baseline(clip: Path, output: Path, network: TorchEngine, limit: int) -> int:
    """What a user writes first. Returns the number of frames processed."""
    transform = network.model.metadata.transform
    threshold = 255 * network.model.metadata.threshold
    capture = cv2.VideoCapture(str(clip))
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(output), cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    frames = 0
    while frames < limit:
        found, frame = capture.read()
        if not found:
            break
        batch = np.asarray(cv2.resize(frame, (transform.width, transform.height)), np.uint8)[None]
        mask = cv2.resize(network.infer(batch)[0], size) > threshold
        frame[mask] = frame[mask] // 2 + np.array([0, 0, 127], np.uint8)
        writer.write(frame)
        frames += 1
    writer.release()
    capture.release()
    return frames


def run_pipeline(clip: Path, output: Path, segmenter: Segmenter, limit: int) -> int:
    """The project's pipeline over the clip into an overlay video. Returns the number of frames processed."""
    telemetry = Telemetry()
    with Selected(VideoFile(clip), limit=limit) as source, ExitStack() as stack:
        stack.callback(cv2.setNumThreads, cv2.getNumThreads())  # the baseline's
        cv2.setNumThreads(1)  # as run_video.py does
        sinks = [stack.enter_context(sink) for sink in open_outputs(source.info, output=output, overwrite=True)]
        pipeline = Pipeline(source, segmenter, PerFrameEstimator(), telemetry, overlay=Overlay(), threshold=segmenter.threshold)
        for result in stack.enter_context(closing(pipeline.results())):
            for sink in sinks:
                sink.write(result)
    return telemetry.processed


def stage_rates(clip: Path, output: Path, segmenter: Segmenter, limit: int) -> dict[str, float]:
    """Frames a second of each of the pipeline's threads when it has the machine to itself."""
    with Selected(VideoFile(clip), limit=limit) as source:
        info = source.info
        started = perf_counter()
        frames = list(source)
        rates = {"capture": len(frames) / (perf_counter() - started)}
    masks = [np.empty(frame.pixels.shape[:2], np.uint8) for frame in frames]
    roads: list[RoadState] = []
    estimator, overlay = PerFrameEstimator(), Overlay()

    def segment(index: int) -> None:
        segmenter.preprocess(frames[index].pixels)
        segmenter.infer()
        segmenter.mask(masks[index], segmenter.threshold)

    def find_lanes(index: int) -> None:
        roads.append(estimator.update(masks[index], frames[index]))

    def draw(index: int) -> None:
        overlay.draw(frames[index].pixels, masks[index], roads[index], Readout("", ""))

    rates["segment"] = _rate(segment, len(frames))
    rates["lanes"] = _rate(find_lanes, len(frames))
    rates["draw"] = _rate(draw, len(frames))
    (sink,) = open_outputs(info, output=output, overwrite=True)
    started = perf_counter()
    for frame, mask in zip(frames, masks, strict=True):
        sink.write(FrameResult(frame, mask))
    sink.close()
    rates["output"] = len(frames) / (perf_counter() - started)
    return rates


def _rate(step: Callable[[int], None], count: int) -> float:
    started = perf_counter()
    for index in range(count):
        step(index)
    return count / (perf_counter() - started)


def compare(
    clip: Path, rounds: int, limit: int, engine: str, precision: str, model: str, console: Console, baseline_model: str | None = None
) -> Result:
    """Both loops interleaved, `rounds` times, and the bound measured in between. Raises InputError where a part is not available.

    Args:
        baseline_model: what the baseline runs; None for the same as the pipeline.
    """
    results: dict[str, Any] = {"pipeline_fps": [], "baseline_fps": [], "cpu_seconds_per_frame": [], "stages_fps": []}
    with ExitStack() as stack:
        output = Path(stack.enter_context(TemporaryDirectory())) / "out.mp4"
        segmenter = stack.enter_context(load_segmenter(model, engine, precision))
        network = stack.enter_context(load_segmenter(baseline_model or model, "torch", "fp32")).engine
        assert isinstance(network, TorchEngine)
        segmenter.engine.share_cores()
        run_pipeline(clip, output, segmenter, 20)
        run_baseline(clip, output, network, 5)
        with observe_machine() as observation:
            for name in interleaved(["baseline", "pipeline"], rounds, console):
                started, spent = perf_counter(), process_time()
                if name == "baseline":
                    frames = run_baseline(clip, output, network, limit)
                else:
                    frames = run_pipeline(clip, output, segmenter, limit)
                    results["cpu_seconds_per_frame"].append((process_time() - spent) / frames)
                results[f"{name}_fps"].append(frames / (perf_counter() - started))
                if name == "pipeline":
                    results["stages_fps"].append(stage_rates(clip, output, segmenter, limit))
        facts, loop = engine_facts(segmenter.engine), network.model.metadata
    results["baseline_model"] = f"{loop.name} {loop.transform.width}x{loop.transform.height}"
    results["ratio"] = [a / b for a, b in zip(results["pipeline_fps"], results["baseline_fps"], strict=True)]
    results["bound_fps"] = [
        min(min(stages.values()), usable_cores() / cpu)
        for stages, cpu in zip(results["stages_fps"], results["cpu_seconds_per_frame"], strict=True)
    ]
    results["of_bound"] = [a / b for a, b in zip(results["pipeline_fps"], results["bound_fps"], strict=True)]
    name = f"{segmenter.engine.model.metadata.name} on {facts['name']} {facts['precision']}, against a baseline loop"
    return new_result(KIND, name, observation, clip=clip.name, frames=frames, rounds=rounds, engine=facts, **results)


def table(results: Result) -> Table:
    """Medians with the slowest and the fastest round."""
    engine, loop = results["engine"], results.get("baseline_model")  # results of old have none
    beside = f"; the loop runs {loop}" if loop else ""
    view = Table(
        title=f"{results['clip']}, {results['frames']} frames, {results['rounds']} rounds, {engine['name']} {engine['precision']}{beside}",
        title_justify="left",
        box=None,
    )
    for column in ("", "median", "min", "max"):
        view.add_column(column, justify="left" if not column else "right")
    rows = {
        "this pipeline, frames a second": results["pipeline_fps"],
        "baseline loop, frames a second": results["baseline_fps"],
        "ratio": results["ratio"],
        "processor seconds a frame, x1000": [1000 * seconds for seconds in results["cpu_seconds_per_frame"]],
    }
    rows |= {
        f"{stage} by itself, frames a second": [stages[stage] for stages in results["stages_fps"]] for stage in results["stages_fps"][0]
    }
    rows |= {"bound, frames a second": results["bound_fps"], "share of the bound": results["of_bound"]}
    for name, values in rows.items():
        view.add_row(name, *(f"{value:.2f}" for value in (median(values), min(values), max(values))))
    return view


def draw(result: Result) -> Figure:
    """Frames a second of both loops and of the bound. Raises InputError without Matplotlib."""
    rows = {"this pipeline": result["pipeline_fps"], "baseline loop": result["baseline_fps"], "bound of this machine": result["bound_fps"]}
    figure, (ax,) = new_figure(width=9, height=2.6)
    for row, values in enumerate(rows.values()):
        middle = median(values)
        ax.barh(row, middle, color=(COLOURS[0], GREY, "#cccccc")[row], height=0.6)
        ax.plot(values, [row] * len(values), "|", color="black", markersize=10)
        ax.annotate(f"{middle:.1f}", (middle, row), xytext=(5, 8), textcoords="offset points", fontsize=10, fontweight="bold")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.set_xlabel("frames a second (bar: median; ticks: rounds)")
    return figure


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.pipeline", __doc__)
    parser.add_argument("source", type=Path, metavar="CLIP", help="video file")
    add_rounds(parser, 5)
    parser.add_argument("--limit", "--frames", type=count, default=200, metavar="N", help="frames of the clip in a round")
    add_model_options(parser, ALL_ENGINES)
    parser.add_argument("--baseline-model", type=str, metavar="NAME|FILE", help="what the loop runs (default: the same as the pipeline)")
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.pipeline", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    check_outputs(args.json)
    console = plain_console(stderr=True)
    result = compare(args.source, args.rounds, args.limit, args.engine, args.precision, args.model, console, args.baseline_model)
    console = plain_console(width=100)
    console.print(table(result))
    if args.json:
        write_result(args.json, result)
    print_notes(result, args.json, console)


if __name__ == "__main__":
    sys.exit(main())
