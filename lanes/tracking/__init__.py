"""Lanes over time: one estimate of the whole road, taken from frame to frame, in metres."""

from lanes.tracking.estimator import TrackingEstimator
from lanes.tracking.tracker import RoadTracker, Track

__all__ = ["RoadTracker", "Track", "TrackingEstimator"]
