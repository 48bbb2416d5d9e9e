"""Ground truth of a rendered frame in metres: the camera, where the car is in its lane, and the lane boundaries.

All in the vehicle frame of ISO 8855: x forward along the car's axis, y left, z up, origin on the road below the camera. Signs are those of
`lanes.results`: the offset is positive to the right; heading, yaw and curvature are positive to the left; pitch is positive downward. The
car's own motion ties them: d(offset)/dt = -speed sin(heading) while it stays in one lane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from lanes.arrays import Mask
from lanes.geometry.camera import Camera
from lanes.renderer.ego import EgoState
from lanes.renderer.road import RoadAhead
from lanes.renderer.scene import Scene

STATIONS = np.concatenate([np.linspace(0.3, 12, 240), np.geomspace(12.5, 120, 80)])
"""Metres along the road ahead of the camera at which boundaries are given."""


@dataclass(frozen=True)
class RoadBoundary:
    """One lane boundary on the road.

    Attributes:
        position: -1 the ego lane's left, 1 its right, -2 and 2 the next ones outward.
        painted: whether there is any paint along it.
        points: (n, 3) float64, metres in the vehicle frame, from the car forward.
        pixels: (n, 2) float64, where the camera sees the points, (u, v); NaN behind the camera.
        visible: (n,) bool: in the image, and nothing stands in front of it: no crest, no vehicle, no bonnet, no burnt-in text.
    """

    position: int
    painted: bool
    points: NDArray[np.float64]
    pixels: NDArray[np.float64]
    visible: NDArray[np.bool_]


@dataclass(frozen=True)
class GroundTruth:
    """What a perfect estimator would find in one frame; the names are those of `lanes.results.Ego`.

    Attributes:
        time_s: of the frame, seconds.
        camera: intrinsics, height, pitch, roll and yaw in the vehicle frame, movement on the springs included.
        speed_mps: of the car over ground, m/s.
        path_curvature_per_m: of the car's own path; speed times it is the yaw rate.
        ego_lane: the lane that the camera is in, from 0 on the left of the road.
        width_m: of that lane.
        offset_m: of the camera from the middle of that lane, positive to the right.
        heading_rad: of the car against the lane's direction beside it.
        curvature_per_m: of the middle of the lane, beside the car. curvature_rate_per_m2: its change along the lane.
        boundaries: from left to right, painted or not.
    """

    time_s: float
    camera: Camera
    speed_mps: float
    path_curvature_per_m: float
    ego_lane: int
    width_m: float
    offset_m: float
    heading_rad: float
    curvature_per_m: float
    curvature_rate_per_m2: float
    boundaries: tuple[RoadBoundary, ...]

    @classmethod
    def of(cls, scene: Scene, ego: EgoState, camera: Camera, road: RoadAhead, covered: Mask, time_s: float) -> GroundTruth:
        """Work out a frame's ground truth.

        Args:
            scene: what was rendered. ego: the car at this time. camera, road: both in the road's frame below the camera.
            covered: (H, W) uint8, above 127 where something stands in front of the road, sky included.
            time_s: of the frame, seconds.
        """
        centre, curvature = scene.lane_centre(ego.lane), scene.course.curvature(ego.s)
        # A curve parallel to the road's reference line, `centre` to the left of it, is tighter by this factor in a bend to the left.
        parallel = 1 / (1 - centre * curvature)
        return cls(
            time_s=time_s,
            camera=replace(camera, yaw=scene.yaw, lateral=0.0),
            speed_mps=ego.speed,
            path_curvature_per_m=ego.path_curvature,
            ego_lane=ego.lane,
            width_m=scene.lane_width,
            offset_m=centre - ego.y,
            heading_rad=ego.heading,
            curvature_per_m=curvature * parallel,
            curvature_rate_per_m2=scene.course.curvature_rate(ego.s) * parallel**3,
            boundaries=_boundaries(scene, ego, camera, road, covered),
        )


def _boundaries(scene: Scene, ego: EgoState, camera: Camera, road: RoadAhead, covered: Mask) -> tuple[RoadBoundary, ...]:
    points = road.points(STATIONS, np.array(scene.boundaries)[:, None])
    pixels = camera.project(points)
    inside = np.all((pixels >= -0.5) & (pixels <= (camera.width - 0.5, camera.height - 0.5)), axis=-1)
    columns, rows = np.moveaxis(np.where(inside[..., None], pixels, 0).round().astype(np.intp), -1, 0)
    rows, columns = np.clip(rows, 0, camera.height - 1), np.clip(columns, 0, camera.width - 1)
    visible = inside & ~road.hidden(STATIONS, camera) & (covered[rows, columns] <= 127)
    # From the road's axes to the car's.
    turned = np.array([[cos(ego.heading), -sin(ego.heading), 0], [sin(ego.heading), cos(ego.heading), 0], [0, 0, 1]])
    vehicle = (points - (0, camera.lateral, 0)) @ turned
    return tuple(
        RoadBoundary(position_of(index, ego.lane), line.kind != "none", vehicle[index], pixels[index], visible[index])
        for index, line in enumerate(scene.lines)
    )


def position_of(boundary: int, ego_lane: int) -> int:
    """A boundary's place as seen from a lane: -1 its left one, 1 its right one, further out -2, 2 and so on; both count from the left."""
    return boundary - ego_lane - 1 if boundary <= ego_lane else boundary - ego_lane
