"""The synthetic road renderer: varied frames with exact labels for training, a demo drive, and geometry to test against."""

from lanes.geometry.camera import Camera
from lanes.renderer.renderer import Rendering, RoadRenderer
from lanes.renderer.scene import Scene

__all__ = ["Camera", "Rendering", "RoadRenderer", "Scene"]
