"""The measurement of `benchmarks.latency`, and the result that is made of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import cv2
from rich.console import Console

from benchmarks.common.confidence import early_stopping_estimate, queries_least, queries_needed, summarise_with_confidence
from benchmarks.common.observe import Observation, observe_machine
from benchmarks.common.results import Result, engine_facts, new_result
from benchmarks.latency import camera, cold_start, system
from benchmarks.latency.clock import CheckedClock, measure_clock
from benchmarks.latency.drift import drift_warnings
from benchmarks.latency.plan import MLPERF_OFFLINE_FRAMES, MLPERF_SECONDS, SCENARIOS, Plan
from benchmarks.latency.progress import RunProgress
from benchmarks.latency.scenarios import Run, run_offline, run_stream, warm_up
from benchmarks.latency.system import System
from engines.engine import Engine
from lanes.arrays import BGRImage
from lanes.capture.video import VideoFile
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.percentiles import percentile, percentile_name

KIND = "latency"

LIBRARY_FRAMES, LIBRARY_BYTES = 32, 256_000_000
"""Frames in memory that queries are drawn from: more than any cache holds, less than a small machine has."""


@dataclass
class Measured:
    """A run with what belongs to it.

    Attributes:
        run: the scenario's figures.
        warm_up_ms: of the queries or frames before it, which are not in it.
        observation: the machine over the run, with the warnings about both.
        pipeline: what the pipeline's own telemetry says, camera only.
    """

    run: Run
    warm_up_ms: list[float]
    observation: Observation
    pipeline: dict[str, Any] = field(default_factory=dict)


def read_library(clip: Path) -> list[BGRImage]:
    """The first frames of a clip, (H, W, 3) uint8 BGR. Raises InputError when it is no video."""
    with VideoFile(clip) as source:
        frames = iter(source)
        library = [next(frames).pixels]
        library += [frame.pixels for frame in islice(frames, min(LIBRARY_FRAMES, LIBRARY_BYTES // library[0].nbytes) - 1)]
    return library


def measure(engine: Engine, library: Sequence[BGRImage], plan: Plan, clock: CheckedClock, bar: RunProgress) -> Measured:
    """Warms up and runs a scenario.

    Raises:
        ProcessingError: the clock stepped, or the engine returns before its result is there.
    """
    scenario, under_test = SCENARIOS[plan.scenario], System(engine)
    frames_per_query = scenario.frames_per_query or engine.batch
    warmed = warm_up(under_test, library, frames_per_query, clock)
    under_test.check_done(library[0], timeout_s=max(0.02, 2e-3 * max(warmed)))
    pipeline: dict[str, Any] = {}
    with observe_machine() as observation:
        if plan.scenario == "camera":
            engine.share_cores()
            cv2.setNumThreads(1)  # as run_video.py does
            segmenter = Segmenter(engine) if plan.stub_ms is None else camera.StubSegmenter(engine, plan.stub_ms)
            run, warmed, figures = camera.run_camera(segmenter, library, plan.fps, plan.length, clock, bar.advance)
            pipeline = {"pipeline": asdict(figures)}
        elif plan.scenario == "offline":
            rate = frames_per_query / median(warmed)  # frames a millisecond
            frames = plan.length.queries or ceil(1e3 * plan.length.seconds * rate / engine.batch) * engine.batch
            run = run_offline(under_test, library, frames, clock, bar.advance)
        else:
            run = run_stream(under_test, library, frames_per_query, plan.length, clock, bar.advance)
    observation.warnings += drift_warnings(run.latency)
    return Measured(run, warmed, observation, pipeline)


def describe_run(plan: Plan, run: Run) -> dict[str, Any]:
    """The figures of a run: `latency_ms`, `stages_ms`, `age_ms` (`summarise_with_confidence` of each), `throughput_fps`,
    `queries`, `metric`, and `samples`, all in milliseconds."""
    scenario = SCENARIOS[plan.scenario]
    figures: dict[str, Any] = {
        "latency_ms": summarise_with_confidence(run.latency),
        "stages_ms": {stage: summarise_with_confidence(values) for stage, values in run.stages.items()},
        "throughput_fps": run.frames / run.seconds,
        "seconds": run.seconds,
        "frames": {"processed": run.frames, "dropped": sum(run.dropped.values()), "dropped_by_reason": run.dropped},
    }
    if run.age:
        figures["age_ms"] = summarise_with_confidence(run.age)
    if scenario.percentile is None:
        figures["metric"] = {"name": "throughput", "unit": "frames/s", "value": figures["throughput_fps"]}
    else:
        values = run.age if scenario.metric == "age" else run.latency
        figures["queries"] = {
            "n": len(run.latency),
            "frames_per_query": scenario.frames_per_query,
            "percentile": percentile_name(plan.percentile),
            "needed": queries_least(plan.percentile),
            "needed_by_formula": queries_needed(plan.percentile),
        }
        figures["metric"] = {
            "name": f"{percentile_name(plan.percentile)} of {scenario.metric}",
            "unit": "ms",
            "value": percentile(values, plan.percentile),
            "early_stopping": early_stopping_estimate(values, plan.percentile),
        }
    figures["samples"] = {"latency_ms": run.latency, **{f"{stage}_ms": values for stage, values in run.stages.items()}} | (
        {"age_ms": run.age} if run.age else {}
    )
    return figures


def find_deviations(plan: Plan, run: Run) -> list[str]:
    """In what a run of one of MLPerf's scenarios is not by its rules, one sentence each."""
    if plan.scenario == "camera":
        return []
    deviations = [
        "scaling to the model's input is timed, which MLPerf allows to leave out",
        "the network and the frames are this project's",
    ]
    if run.seconds < MLPERF_SECONDS:
        deviations.append(f"it took {run.seconds:.0f} s, and MLPerf's take {MLPERF_SECONDS} s")
    if plan.scenario == "offline" and run.frames < MLPERF_OFFLINE_FRAMES:
        deviations.append(f"it had {run.frames:,} frames, and MLPerf's have {MLPERF_OFFLINE_FRAMES:,}")
    return deviations


def benchmark(engine: Engine, clip: Path, plan: Plan, cold_starts: int, console: Console) -> Result:
    """Everything that the command prints and writes, for an engine that is open.

    Raises:
        InputError: the clip is no video.
        ProcessingError: the measurement failed.
    """
    library = read_library(clip)
    cold = cold_start.measure_cold_starts(engine, library[0], cold_starts)
    clock = CheckedClock()
    with RunProgress(plan.scenario, console) as bar:
        found = measure(engine, library, plan, clock, bar)
    run, transform, scenario = found.run, engine.model.metadata.transform, SCENARIOS[plan.scenario]
    return new_result(
        KIND,
        f"{engine.model.metadata.name} on {_runner(engine, plan)}, {plan.scenario}",
        found.observation,
        scenario=plan.scenario,
        definition=scenario.title,
        inside=_inside(plan) | (cold_start.INSIDE if cold else {}),
        plan=asdict(plan),
        engine={**engine_facts(engine), "batch": engine.batch, "reason": engine.reason},
        model={
            "name": engine.model.metadata.name,
            "file": engine.model.path.name,
            "sha256": engine.model.sha256,
            "width": transform.width,
            "height": transform.height,
        },
        source={"clip": clip.name, "frames": len(library), "width": library[0].shape[1], "height": library[0].shape[0]},
        **describe_run(plan, run),
        **found.pipeline,
        warm_up_ms=found.warm_up_ms,
        cold_start=cold,
        clock={"name": "perf_counter_ns", "implementation": time.get_clock_info("perf_counter").implementation, **measure_clock()},
        energy=_energy(found.observation, run.frames),
        deviations=find_deviations(plan, run),
    )


def _runner(engine: Engine, plan: Plan) -> str:
    """What stands for inference."""
    return f"{engine.name} {engine.precision}" if plan.stub_ms is None else f"a stub of {plan.stub_ms:g} ms"


def _inside(plan: Plan) -> dict[str, str]:
    """What lies inside each interval of this scenario."""
    if plan.scenario == "camera":
        return camera.INSIDE
    whole = "batch" if plan.scenario == "offline" else "latency"
    return {name: system.INSIDE[name] for name in (whole, *system.STAGES)}


def _energy(observation: Observation, frames: int) -> dict[str, Any] | None:
    """Joules a frame over the run, waiting included; None where no power is metered."""
    if observation.joules is None:
        return None
    return {"joules_per_frame": observation.joules / frames, "of": [meter["of"] for meter in observation.facts["power"]]}
