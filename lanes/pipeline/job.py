"""Job: a frame on its way through the stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from lanes.arrays import BGRImage, Mask
from lanes.geometry.estimator import InstanceEstimator, LaneEstimator
from lanes.geometry.instances import InstanceMap
from lanes.results import Band, Frame, FrameResult, RoadState
from lanes.telemetry.telemetry import FrameTiming


@dataclass(slots=True)
class Job:
    """A frame with what the stages so far have found.

    Attributes:
        frame: into whose pixels the overlay is drawn.
        timing: of the stages.
        mask: (H, W) uint8, 0 or 255, lane paint.
        band: the rows that the network looked at; None for the whole frame.
        instances: (H, W) uint8, which line each pixel is of; None where the network does not tell lines apart.
        road: what follows from the mask.
        undrawn: a copy of the pixels from before the overlay, where one is asked for.
    """

    frame: Frame
    timing: FrameTiming
    mask: Mask
    band: Band | None
    instances: InstanceMap | None = None
    road: RoadState = field(default_factory=RoadState)
    undrawn: BGRImage | None = None

    def estimate(self, estimator: LaneEstimator) -> RoadState:
        """What an estimator makes of mask and instances."""
        if self.instances is not None and isinstance(estimator, InstanceEstimator):
            return estimator.update_instances(self.mask, self.instances, self.frame)
        return estimator.update(self.mask, self.frame)

    def result(self) -> FrameResult:
        """What the outputs get, once the frame is drawn and handed over."""
        road = self.road
        return FrameResult(
            frame=self.frame,
            mask=self.mask,
            lanes=road.lanes,
            ego=road.ego,
            calibration=road.calibration,
            departure=road.departure,
            departure_why=road.departure_why,
            band=self.band,
            undrawn=self.undrawn,
            latency_ms=dict(self.timing.stages) | {"total": self.timing.total_ms},
        )
