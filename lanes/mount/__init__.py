"""How the camera is mounted, and where it sees road."""

from lanes.mount.estimator import MountEstimator
from lanes.mount.store import default_store
from lanes.mount.visible import VisibleRoad

__all__ = ["MountEstimator", "VisibleRoad", "default_store"]
