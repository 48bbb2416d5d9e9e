"""This pipeline against the loop that anybody writes in ten minutes: `python -m benchmarks.pipeline CLIP`.

The ten-minute loop reads with OpenCV, runs the same weights in eager fp32 PyTorch, tints the mask and writes `mp4v` with OpenCV,
one step after the other. The two take turns over the same frames, so that a machine whose speed drifts is fair to both.

The bound is what this machine could do at best with the pipeline's own parts: the rate of the slowest stage when it runs alone,
or the cores divided by the processor time that a frame takes, whichever is less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.common.machine import watch_machine
from benchmarks.common.request import check_request, tell_rest
from benchmarks.common.results import new_result, write_result
from engines.backends.torch_cpu import TorchEngine
from lanes import load_segmenter
from lanes.capture.select import Selected
from lanes.capture.video import VideoFile
from lanes.draw.overlay import Overlay
from lanes.draw.readout import Readout
from lanes.errors import exit_status
from lanes.geometry.estimator import PerFrameEstimator
from lanes.geometry.lanes import find_lanes
from lanes.output import open_outputs
from lanes.pipeline import Pipeline
from lanes.results import Frame, FrameResult
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.machine import usable_cores
from lanes.telemetry.telemetry import Telemetry

KIND = "pipeline"


def ten_minute_loop(clip: Path, output: Path, network: TorchEngine, limit: int) -> int:
    """What a user writes first; returns the frames processed."""
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


def stream(clip: Path, output: Path, segmenter: Segmenter, limit: int) -> int:
    """The project's pipeline over the clip into an overlay video. Returns the number of frames."""
    telemetry = Telemetry()
    with Selected(VideoFile(clip), limit=limit) as source, ExitStack() as stack:
        sinks = [stack.enter_context(sink) for sink in open_outputs(source.info, output=output, overwrite=True)]
        pipeline = Pipeline(source, segmenter, PerFrameEstimator(), telemetry, overlay=Overlay(), threshold=segmenter.threshold)
        for result in pipeline.results():
            for sink in sinks:
                sink.write(result)
    return telemetry.processed


def stage_rates(clip: Path, output: Path, segmenter: Segmenter, limit: int) -> dict[str, float]:
    """Frames a second of each of the pipeline's threads when it has the machine to itself."""
    rates = {}
    with VideoFile(clip) as source:
        info = source.info
        frames: list[Frame] = []
        begun = perf_counter()
        for frame in source:
            frames.append(frame)
            if len(frames) == limit:
                break
        rates["capture"] = len(frames) / (perf_counter() - begun)
    masks: list[Any] = [None] * len(frames)

    def segment(index: int) -> None:
        masks[index] = segmenter(frames[index].pixels)
        cv2.threshold(masks[index], segmenter.threshold, 255, cv2.THRESH_BINARY, dst=masks[index])

    overlay = Overlay()

    def draw(index: int) -> None:
        overlay.draw(frames[index].pixels, masks[index], find_lanes(masks[index]), Readout("", ""))

    rates["segment"] = _rate(segment, len(frames))
    rates["draw"] = _rate(draw, len(frames))
    (sink,) = open_outputs(info, output=output, overwrite=True)
    begun = perf_counter()
    for frame, mask in zip(frames, masks, strict=True):
        sink.write(FrameResult(frame, mask))
    sink.close()
    rates["output"] = len(frames) / (perf_counter() - begun)
    return rates


def _rate(step: Callable[[int], None], count: int) -> float:
    begun = perf_counter()
    for index in range(count):
        step(index)
    return count / (perf_counter() - begun)


def compare(clip: Path, rounds: int, limit: int, engine: str, precision: str, model: str, console: Console) -> dict[str, Any]:
    """Both loops in turn, `rounds` times, and the bound measured in between. Returns what `--json` writes."""
    results: dict[str, Any] = {"ours_fps": [], "theirs_fps": [], "cpu_seconds_per_frame": [], "stages_fps": []}
    with TemporaryDirectory() as folder, load_segmenter(model, engine, precision) as ours, load_segmenter(model, "torch", "fp32") as theirs:
        assert isinstance(theirs.engine, TorchEngine)
        output = Path(folder) / "out.mp4"
        stream(clip, output, ours, 20)
        ten_minute_loop(clip, output, theirs.engine, 5)
        with watch_machine() as watch:
            for _ in track(range(rounds), "rounds", console=console, transient=True):
                begun = perf_counter()
                frames = ten_minute_loop(clip, output, theirs.engine, limit)
                results["theirs_fps"].append(frames / (perf_counter() - begun))
                begun, spent = perf_counter(), process_time()
                frames = stream(clip, output, ours, limit)
                results["ours_fps"].append(frames / (perf_counter() - begun))
                results["cpu_seconds_per_frame"].append((process_time() - spent) / frames)
                results["stages_fps"].append(stage_rates(clip, output, ours, limit))
        engine_facts = {"name": ours.engine.name, "precision": ours.engine.precision, "version": ours.engine.version}
    results["ratio"] = [a / b for a, b in zip(results["ours_fps"], results["theirs_fps"], strict=True)]
    results["bound_fps"] = [
        min(min(stages.values()), usable_cores() / cpu)
        for stages, cpu in zip(results["stages_fps"], results["cpu_seconds_per_frame"], strict=True)
    ]
    results["of_bound"] = [a / b for a, b in zip(results["ours_fps"], results["bound_fps"], strict=True)]
    name = f"{ours.engine.model.metadata.name} on {ours.engine.name} {ours.engine.precision}, against a ten-minute loop"
    return new_result(KIND, name, watch, clip=clip.name, frames=frames, rounds=rounds, engine=engine_facts, **results)


def table(results: dict[str, Any]) -> Table:
    """Medians with the least and greatest round."""
    engine = results["engine"]
    view = Table(
        title=f"{results['clip']}, {results['frames']} frames, {results['rounds']} rounds in turn, {engine['name']} {engine['precision']}",
        title_justify="left",
        box=None,
    )
    for column in ("", "median", "least", "greatest"):
        view.add_column(column, justify="left" if not column else "right")
    rows = {
        "this pipeline, frames a second": results["ours_fps"],
        "ten-minute loop, frames a second": results["theirs_fps"],
        "ratio": results["ratio"],
        "processor seconds a frame, x1000": [1000 * seconds for seconds in results["cpu_seconds_per_frame"]],
    }
    rows |= {f"{stage} alone, frames a second": [stages[stage] for stages in results["stages_fps"]] for stage in results["stages_fps"][0]}
    rows |= {"bound, frames a second": results["bound_fps"], "share of the bound": results["of_bound"]}
    for name, values in rows.items():
        view.add_row(name, *(f"{value:.2f}" for value in (median(values), min(values), max(values))))
    return view


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pipeline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=200, help="frames of the clip that a round takes")
    parser.add_argument("--model", default="unet")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path, help="write every round here")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.pipeline", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Carries out a request. Raises InputError or ProcessingError."""
    check_request(args.json, None, rounds=args.rounds, frames=args.frames)
    result = compare(args.clip, args.rounds, args.frames, args.engine, args.precision, args.model, Console(stderr=True))
    Console(width=100).print(table(result))
    if args.json:
        write_result(args.json, result)
    tell_rest(result, args.json, Console(width=100))


if __name__ == "__main__":
    sys.exit(main())
