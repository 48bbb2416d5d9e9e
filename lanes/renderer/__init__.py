"""The synthetic road renderer: varied frames with exact labels for training, a demo drive, and metric ground truth to test against."""

from lanes.renderer.elements import LaneChange
from lanes.renderer.ground_truth import GroundTruth
from lanes.renderer.renderer import Rendering, RoadRenderer
from lanes.renderer.scene import Scene

__all__ = ["GroundTruth", "LaneChange", "Rendering", "RoadRenderer", "Scene"]
