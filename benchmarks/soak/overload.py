"""Overload: a camera that is six times as fast as the engine, and how old the frames are that are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter, sleep
from typing import Any

from benchmarks.latency.camera import run_camera
from benchmarks.latency.clock import CheckedClock
from benchmarks.latency.scenarios import Length
from engines.engine import Engine
from engines.registry import open_engine
from lanes.renderer import RoadRenderer, Scene
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.percentiles import percentile
from lanes.tracking.estimator import TrackingEstimator

CAMERA_FPS, ENGINE_FPS = 60, 10

LIMIT_MS = 2e3 / ENGINE_FPS + 1e3 / CAMERA_FPS
"""Milliseconds that the 99th percentile of the age may have: two times of inference and one frame interval."""

MOST_DRIFT = 0.10
"""Share by which the last part's median may be above the first one's."""

PARTS = 5

WIDTH, HEIGHT, LIBRARY = 1280, 720, 12
"""Size of the camera's frames, and how many there are; they come over and over."""


class HeldSegmenter(Segmenter):
    """The product's, held to a number of frames a second.

    Args:
        engine: runs the model.
        fps: frames a second.
    """

    def __init__(self, engine: Engine, fps: float) -> None:
        super().__init__(engine)
        self._seconds = 1 / fps

    def infer(self) -> None:
        """Runs the engine, and lets as much time pass as is left."""
        begun = perf_counter()
        super().infer()
        sleep(max(0.0, self._seconds - (perf_counter() - begun)))


def overload(minutes: float, progress: Callable[[float], None] = lambda _: None) -> dict[str, Any]:
    """The pipeline behind a camera of 60 frames a second, with the engine held to 10.

    Args:
        minutes: how long.
        progress: is called with the share that is done.

    Returns:
        `minutes`, `limit_ms`, `captured`, `processed`, `dropped` (by reason), `stages_ms` (medians), `age_ms` (`p50`, `p99`, `max`),
        `parts` (the same of each fifth of the run, with its `frames`), and `passed`.
    """
    renderer = RoadRenderer(Scene.demo(), WIDTH, HEIGHT)
    library = [renderer.render(index / CAMERA_FPS).pixels for index in range(LIBRARY)]
    with open_engine("auto", "auto", "unet") as engine:
        segmenter = HeldSegmenter(engine, ENGINE_FPS)
        engine.share_cores()
        segmenter.warm_up()
        length = Length(1, 60 * minutes)
        run, _, figures = run_camera(segmenter, library, CAMERA_FPS, length, CheckedClock(), progress, TrackingEstimator(None, 1.4))
    frames = figures.frames
    return {
        "minutes": minutes,
        "captured": frames.captured,
        "processed": frames.processed,
        "dropped": dict(frames.dropped),
        "stages_ms": {stage: percentile(times, 0.5) for stage, times in run.stages.items()},
    } | judge(run.age, accounted=frames.captured == frames.processed + sum(frames.dropped.values()))


def judge(age: Sequence[float], accounted: bool = True) -> dict[str, Any]:
    """Holds ages, milliseconds in the order of the frames, against the limits. `accounted`: every frame is processed or dropped."""
    whole = _summary(age)
    size = max(1, len(age) // PARTS)
    parts = [_summary(age[begin : begin + size]) for begin in range(0, size * min(PARTS, len(age)), size)]
    flat = parts[-1]["p50"] <= (1 + MOST_DRIFT) * parts[0]["p50"]
    return {"limit_ms": LIMIT_MS, "age_ms": whole, "parts": parts, "passed": whole["p99"] <= LIMIT_MS and flat and accounted}


def _summary(age: Sequence[float]) -> dict[str, float]:
    return {"frames": len(age), "p50": percentile(age, 0.5), "p99": percentile(age, 0.99), "max": max(age)}
