"""What is known of a frame, typed: made by the stages of the pipeline, turned into JSON and images by the outputs alone.

Points are in pixels of the source frame, upright as a viewer sees it, x to the right and y down, whole numbers at pixel centres. Metres
are in the vehicle frame of ISO 8855 (x forward, y left, z up, origin on the road below the camera).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask

LaneType = Literal["solid", "dashed", "unknown"]
DepartureState = Literal["none", "left", "right", "inactive"]
CalibrationState = Literal["uncalibrated", "calibrating", "valid", "invalid"]
HeightOrigin = Literal["user", "camera.yaml", "lane width", "assumed"]
Band = tuple[int, int]
"""Rows of the source frame that the network looks at: the first, and the one after the last."""


@dataclass(slots=True)
class Frame:
    """One picture of a source in time, upright as a viewer sees it.

    Attributes:
        pixels: (H, W, 3) uint8, BGR, writable. The consumer that holds the frame owns them; a source never touches them again.
        index: position in the source, from 0; a dropped frame's number is skipped.
        time: presentation time in seconds on the source's own clock, exact. Strictly increasing within a source.
        source: name of the file the frame came from (`clip.mp4`, `0001.jpg`) or the address of a live one, without credentials.
        stem: what files written for this frame are called: the image's stem, or the index in six digits for video.
        dropped_before: frames of a live source that were dropped between the previous frame and this one.
        arrived_ns: when a live source had the frame, or, paced by a file's clock, when it was due, by `perf_counter_ns`; None for a file,
            whose frames do not age.
        cut: the first frame after a cut in time or kind: recordings joined, a clock that was set anew, a reconnection, another size. What
            was known of the frames before means nothing for this one.
        suspect: decoded without an error, but from data that depends on damaged data before it: it may be smeared.
        clock_shift: what was added to the stream's own clock to get `time`, seconds; it changes where that clock steps. The sound of
            the same recording is shifted by it too.
        path: the image that it was read from; None for a frame of a video.
    """

    pixels: BGRImage
    index: int
    time: Fraction
    source: str
    stem: str
    dropped_before: int = 0
    arrived_ns: int | None = None
    cut: bool = False
    suspect: bool = False
    clock_shift: Fraction = Fraction(0)
    path: Path | None = None

    @property
    def time_s(self) -> float:
        """Presentation time, seconds."""
        return float(self.time)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the standard deviation of its error, in the same unit."""

    value: float
    std: float


@dataclass(frozen=True, slots=True)
class RoadCurve:
    """A lane boundary on the road, in metres of the vehicle frame: the third-order approximation of a clothoid,

        y(x) = offset + heading x + curvature x^2 / 2 + curvature_rate x^3 / 6.

    Attributes:
        offset_m: y beside the camera, positive to the left.
        heading_rad: its direction there against the vehicle's axis, positive to the left.
        curvature_per_m: 1/m, positive to the left. curvature_rate_per_m2: its change with x.
        near_m, far_m: the stretch of x, metres ahead, over which it was seen.
    """

    offset_m: Estimate
    heading_rad: Estimate
    curvature_per_m: Estimate
    curvature_rate_per_m2: Estimate
    near_m: float
    far_m: float

    def y_at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres to the left at x metres ahead, any shape."""
        slope = self.heading_rad.value + x * (self.curvature_per_m.value / 2 + x * self.curvature_rate_per_m2.value / 6)
        return self.offset_m.value + x * slope


@dataclass(frozen=True, slots=True)
class Lane:
    """One boundary of a lane, as a curve on the road.

    Attributes:
        position: -1 the ego lane's left boundary, 1 its right, -2, 2 the next ones outward; never 0.
        points: (N, 2) float32, N >= 2, source-frame pixels (x, y), pixel centres at whole numbers, from the bottom of the frame upward,
            inside the frame.
        confidence: 0 to 1: how much paint supports the curve, and how well it lies on it.
        id: stays with a lane over time where lanes are tracked; else it follows the position: 1, 2, 3, 4 for -1, 1, -2, 2 and so on.
        type: how it is painted.
        held_s: seconds since paint of it was last seen, 0 where it is seen now.
        curve: the same boundary in metres, by the camera's height even where that is assumed (`Calibration.is_metric`); None where the
            lanes are looked for in the picture alone.
    """

    position: int
    points: NDArray[np.float32]
    confidence: float
    id: int
    type: LaneType = "unknown"
    held_s: float = 0.0
    curve: RoadCurve | None = None


@dataclass(frozen=True, slots=True)
class Ego:
    """Where the camera is in its lane, at the frame's own time. None for what is not known.

    Attributes:
        offset_m: of the camera from the lane's centre, metres, positive to the right.
        width_m: of the lane, metres.
        curvature_per_m: of the lane ahead, 1/m, positive to the left.
        heading_rad: between the vehicle's axis and the lane's direction, radians, positive where it points to the left of it.
        look_ahead_m: how far ahead both boundaries are seen, metres.
    """

    offset_m: Estimate | None
    width_m: Estimate | None
    curvature_per_m: Estimate | None
    heading_rad: Estimate | None
    look_ahead_m: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the camera is mounted, as far as it is known. Pitch is positive where it looks down, yaw where it looks to the left.

    Attributes:
        height_m: above the road. height_from: where it is from; all metres scale with it, and an assumed one allows none in `Ego`.
    """

    state: CalibrationState
    pitch_rad: Estimate | None = None
    yaw_rad: Estimate | None = None
    roll_rad: Estimate | None = None
    height_m: Estimate | None = None
    height_from: HeightOrigin | None = None

    @property
    def is_metric(self) -> bool:
        """Whether the height is known, so that lengths in metres are."""
        return self.height_from not in (None, "assumed")


@dataclass(frozen=True, slots=True)
class RoadState:
    """What is known of the road at one frame's time.

    Attributes:
        lanes: boundaries from left to right, in source-frame pixels; `position` rises.
        ego: position in the lane, in metres; None where it is not known.
        calibration: of the camera; None where none is estimated.
        departure: which way the lane is being left, `none`, or `inactive` where that cannot be decided.
        departure_why: the reason for `inactive`; else empty.
        band: the rows of the frame where the road is, for the frames to come; None for all of them.
    """

    lanes: Sequence[Lane] = ()
    ego: Ego | None = None
    calibration: Calibration | None = None
    departure: DepartureState = "none"
    departure_why: str = ""
    band: Band | None = None


@dataclass(slots=True)
class FrameResult:
    """All that is known of one frame when it reaches the outputs.

    Attributes:
        frame: the frame. Where an overlay was asked for, it has been drawn into `frame.pixels` by now.
        mask: (H, W) uint8, 0 or 255, lane paint at the frame's size. In a sink it is valid only during `write`.
        lanes: boundaries from left to right; `position` rises.
        ego: position in the lane; None where it is not known.
        calibration: of the camera; None where none is estimated.
        departure: which way the lane is being left, `none`, or `inactive` with the reason in `departure_why`.
        band: the rows that the network looked at; None for the whole frame.
        latency_ms: milliseconds by stage, and `total`: from the frame in memory to the drawn frame, waiting in queues included.
        undrawn: the frame's pixels without the overlay, where a sink asked for them; None where nothing has been drawn, or nobody asked.
    """

    frame: Frame
    mask: Mask
    lanes: Sequence[Lane] = ()
    ego: Ego | None = None
    calibration: Calibration | None = None
    departure: DepartureState = "none"
    departure_why: str = ""
    band: Band | None = None
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    undrawn: BGRImage | None = None
