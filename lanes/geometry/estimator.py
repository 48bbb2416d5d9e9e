"""Lane estimators: what follows from the masks of one source, frame by frame, about the lanes and the vehicle in them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from lanes.arrays import Mask
from lanes.geometry.instances import InstanceMap
from lanes.geometry.lanes import find_lanes
from lanes.results import Frame, RoadState


class LaneEstimator(Protocol):
    """Turns the masks of one source into road states. It may remember earlier frames, so every source has its own."""

    def update(self, mask: Mask, frame: Frame) -> RoadState:
        """Take in the next frame.

        Args:
            mask: (H, W) uint8, 0 or 255, lane paint at the frame's size; not kept after the call.
            frame: the frame that the mask belongs to; its `time` rises from call to call until a `reset`.

        Returns:
            What is known at the frame's own time.
        """
        ...

    def reset(self, cause: str) -> None:
        """Forget the frames before: they mean nothing for the next one.

        Args:
            cause: why, in words for a log (`the source was reconnected`).
        """
        ...


@runtime_checkable
class InstanceEstimator(LaneEstimator, Protocol):
    """An estimator that also takes lines which a network tells apart. One that does not gets their union, the mask, alone."""

    def update_instances(self, mask: Mask, instances: InstanceMap, frame: Frame) -> RoadState:
        """`update` with the line that each pixel is of, (H, W) uint8, from 1 by how likely it is; 0 for none."""
        ...


class PerFrameEstimator:
    """Looks at every mask by itself, as at a still: lanes in pixels, nothing in metres, nothing to forget."""

    def update(self, mask: Mask, frame: Frame) -> RoadState:  # noqa: ARG002 - a still needs no time
        """Find the lanes of this mask; see `LaneEstimator.update`."""
        return RoadState(lanes=find_lanes(mask))

    def update_instances(self, mask: Mask, instances: InstanceMap, frame: Frame) -> RoadState:  # noqa: ARG002 - as above
        """The same with lines that are told apart; see `InstanceEstimator`."""
        return RoadState(lanes=find_lanes(mask, instances))

    def reset(self, cause: str) -> None:
        """Nothing is remembered, so nothing is forgotten."""
