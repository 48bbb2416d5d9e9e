"""Engines whose behaviour is known, and a clock on which time passes only when something takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency.clock import CheckedClock
from engines.engine import Arrays, Engine
from engines.model_file import ModelFile, ModelMetadata
from engines.tensors import image_to_map
from lanes.arrays import BGRImage
from lanes.segment.transform import FrameTransform

WIDTH, HEIGHT = 32, 16
METADATA = ModelMetadata("tiny", FrameTransform(WIDTH, HEIGHT), 0.5, ["lane"], "fp32", "none", [], [], {})


class GreenEngine(Engine):
    """Lane is what is green: the probability is the green channel."""

    name = "green"
    version = "1"

    def __init__(self, batch: int = 1) -> None:
        super().__init__(ModelFile(Path("tiny.onnx"), "0" * 64, METADATA, None, *image_to_map(HEIGHT, WIDTH)), batch=batch)

    def _start(self, threads: int | None) -> None: ...

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32",)

    def _run(self, inputs: Arrays) -> Arrays:
        return {"probability": self._infer(inputs["frames"])}

    def _infer(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return batch[..., 1].copy()

    def _release(self) -> None: ...


def images(count: int) -> list[BGRImage]:
    """Frames of one green each, all different."""
    return [np.full((HEIGHT, WIDTH, 3), index + 1, np.uint8) for index in range(count)]


def ignore(_: float) -> None:
    """Progress that is not shown."""


class SimulatedTime:
    """A clock on which time passes only when something takes it."""

    def __init__(self) -> None:
        self.now = 1_000

    def read(self) -> int:
        return self.now

    def take(self, seconds: float) -> None:
        self.now += round(1e9 * seconds)

    @property
    def clock(self) -> CheckedClock:
        return CheckedClock(self.read, self.read)


class SlowEngine(GreenEngine):
    """Takes so long, in seconds of simulated time."""

    def __init__(self, time_source: SimulatedTime, takes: Callable[[int], float], batch: int = 1) -> None:
        super().__init__(batch)
        self._time, self._takes = time_source, takes
        self.calls = 0

    def _infer(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self._time.take(self._takes(self.calls))
        self.calls += 1
        return super()._infer(batch)
