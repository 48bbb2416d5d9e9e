"""Real clips: how steadily the ego lane stands, how far it lags, in how many frames it is there, and what the stage costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lanes.lane_scores import LARGEST_LAG_S, lag, percentiles
from benchmarks.lanes.run import results
from benchmarks.lanes.steadiness import Steadiness, extent_of, steadiness, traces
from lanes.arrays import Mask
from lanes.capture.video import VideoFile
from lanes.errors import InputError
from lanes.files import VIDEO_SUFFIXES
from lanes.geometry.estimator import LaneEstimator, PerFrameEstimator
from lanes.results import Frame, Lane, RoadState
from lanes.segment.segmenter import Segmenter
from lanes.tracking import TrackingEstimator

Floats = NDArray[np.float64]

TOWN = ("town", "tokyo")
"""Words in the names of clips that are listed but left out of the mean: streets without lane lines for most of the time."""

LEAST_TRACE_S = 4.0


class Beside:
    """An estimator, and another one beside it that sees the same masks: what it finds is kept.

    Attributes:
        lanes: of the other one, frame by frame. ms, cpu_ms: time and processor time that the first one took, likewise.
    """

    def __init__(self, estimator: LaneEstimator, other: LaneEstimator) -> None:
        self._estimator, self._other = estimator, other
        self.lanes: list[Sequence[Lane]] = []
        self.ms: list[float] = []
        self.cpu_ms: list[float] = []

    def update(self, mask: Mask, frame: Frame) -> RoadState:
        """What the estimator finds; see `LaneEstimator.update`."""
        self.lanes.append(self._other.update(mask, frame).lanes)
        began, start = perf_counter_ns(), thread_time_ns()
        found = self._estimator.update(mask, frame)
        self.ms.append((perf_counter_ns() - began) / 1e6)
        self.cpu_ms.append((thread_time_ns() - start) / 1e6)
        return found

    def reset(self, cause: str) -> None:
        """Resets both."""
        self._estimator.reset(cause)
        self._other.reset(cause)


def list_clips(folder: Path) -> list[Path]:
    """The videos in a folder. Raises InputError where there is none."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES) if folder.is_dir() else []
    if not found:
        raise InputError(f"{folder} holds no videos")
    return found


def measure_clip(path: Path, segmenter: Segmenter, limit: int | None = None) -> dict[str, Any]:
    """Runs a clip, tracked and frame by frame on the same masks.

    Args:
        path: of the video. segmenter: runs the model. limit: frames at most; None for all.

    Returns:
        `tracked` and `per_frame`: `p95_px`, `jumps`, `both`. `lag_ms`: of the tracked boundaries behind those found frame by frame, which
        have none; None where no boundary is there for long enough. `lanes_ms`: of the stage, the other estimator not counted, and
        `lanes_cpu_ms`: the same in processor time, to which others' work on the machine does not add. `width`, `height`, `frames`.
    """
    beside = Beside(TrackingEstimator(), PerFrameEstimator())
    tracked: list[Sequence[Lane]] = []
    times, size = [], (0, 0)
    for result in results(VideoFile(path), segmenter, beside):
        tracked.append(result.lanes)
        times.append(result.frame.time_s)
        size = result.frame.size
        if limit is not None and len(tracked) >= limit:
            break
    alone = beside.lanes[: len(tracked)]
    return {
        "frames": len(tracked),
        "width": size[0],
        "height": size[1],
        "town": any(word in path.stem for word in TOWN),
        "tracked": _row(steadiness(tracked, size[0])),
        "per_frame": _row(steadiness(alone, size[0])),
        "lag_ms": _lag_ms(np.array(times), tracked, alone, size[0]),
        "lanes_ms": percentiles(np.array(beside.ms)),
        "lanes_cpu_ms": percentiles(np.array(beside.cpu_ms)),
    }


def _row(found: Steadiness) -> dict[str, Any]:
    return {"p95_px": found.mean_px, "jumps": found.mean_jumps, "both": found.both, "spread_px": found.spread_px, "row_jumps": found.jumps}


def mean_of(clips: Sequence[dict[str, Any]], way: str) -> dict[str, float]:
    """Over the boundaries and rows of all clips without towns, as `steadiness` counts them."""
    chosen = [clip[way] for clip in clips if not clip["town"]]
    return {
        "p95_px": float(np.mean([value for each in chosen for value in each["spread_px"]])),
        "jumps": float(np.mean([value for each in chosen for value in each["row_jumps"]])),
        "both": float(np.mean([each["both"] for each in chosen])),
    }


def _lag_ms(times: Floats, tracked: Sequence[Sequence[Lane]], alone: Sequence[Sequence[Lane]], width: int) -> float | None:
    """Median over boundaries and rows of the shift at which the tracked boundary is nearest to the one found frame by frame."""
    extent = extent_of(alone)
    late, early = traces(tracked, width, extent), traces(alone, width, extent)
    found = []
    for key in late:
        known = ~np.isnan(late[key]) & ~np.isnan(early[key])
        if known.mean() > 0.5 and times[known][-1] - times[known][0] > LEAST_TRACE_S + 2 * LARGEST_LAG_S:
            found.append(lag(times[known], late[key][known], early[key][known]))
    return 1000 * float(np.median(found)) if found else None
