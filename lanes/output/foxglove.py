"""A result as messages of Foxglove's schemas (https://docs.foxglove.dev/docs/sdk/schemas). Needs the extra `lanestream[mcap]`.

Two frames of reference: `vehicle` (ISO 8855: x forward, y left, z up, origin on the road below the camera) and `camera`, the optical one
(x to the right, y down, z into the picture).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from foxglove_schemas_protobuf.CameraCalibration_pb2 import CameraCalibration
from foxglove_schemas_protobuf.Color_pb2 import Color
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from foxglove_schemas_protobuf.FrameTransform_pb2 import FrameTransform
from foxglove_schemas_protobuf.FrameTransforms_pb2 import FrameTransforms
from foxglove_schemas_protobuf.ImageAnnotations_pb2 import ImageAnnotations
from foxglove_schemas_protobuf.KeyValuePair_pb2 import KeyValuePair
from foxglove_schemas_protobuf.LinePrimitive_pb2 import LinePrimitive
from foxglove_schemas_protobuf.Point2_pb2 import Point2
from foxglove_schemas_protobuf.Point3_pb2 import Point3
from foxglove_schemas_protobuf.PointsAnnotation_pb2 import PointsAnnotation
from foxglove_schemas_protobuf.Pose_pb2 import Pose
from foxglove_schemas_protobuf.Quaternion_pb2 import Quaternion
from foxglove_schemas_protobuf.SceneEntity_pb2 import SceneEntity
from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate
from foxglove_schemas_protobuf.Vector3_pb2 import Vector3
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from lanes.draw.theme import WARNING, colour_of
from lanes.geometry.camera import Camera
from lanes.geometry.camera_file import COEFFICIENTS, CameraFile
from lanes.results import Calibration, FrameResult, Lane

VEHICLE, CAMERA = "vehicle", "camera"

MARKING_WIDTH_M = 0.15
"""As wide as lines in the scene are drawn, metres."""

OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Directions in the optical frame -> in the camera's own forward-left-up axes."""


def timestamp(ns: int) -> Timestamp:
    """Nanoseconds from the start of the source's clock."""
    return Timestamp(seconds=ns // 10**9, nanos=ns % 10**9)


def video(ns: int, data: bytes) -> CompressedVideo:
    """One frame of H.264, Annex B; `data` of a key frame begins with its parameter sets."""
    return CompressedVideo(timestamp=timestamp(ns), frame_id=CAMERA, data=data, format="h264")


def camera_calibration(ns: int, camera: CameraFile, size: tuple[int, int]) -> CameraCalibration:
    """The camera's intrinsics for frames of a size (width, height). Raises InputError where their shape is another one."""
    scaled = camera.for_size(*size)
    fx, fy, cx, cy = scaled.fx, scaled.fy, scaled.cx, scaled.cy
    return CameraCalibration(
        timestamp=timestamp(ns),
        frame_id=CAMERA,
        width=size[0],
        height=size[1],
        distortion_model="plumb_bob",
        D=[getattr(scaled.distortion, name) for name in COEFFICIENTS],
        K=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        R=np.eye(3).ravel(),
        P=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def mount(ns: int, calibration: Calibration | None) -> FrameTransforms | None:
    """Where the camera is above the road; None where pitch, yaw or height are not known."""
    if calibration is None or calibration.pitch_rad is None or calibration.yaw_rad is None or calibration.height_m is None:
        return None
    roll = 0.0 if calibration.roll_rad is None else calibration.roll_rad.value
    camera = Camera.centred(2, 2, 1.0, pitch=calibration.pitch_rad.value, yaw=calibration.yaw_rad.value, roll=roll)
    x, y, z, w = quaternion(camera.rotation @ OPTICAL)
    transform = FrameTransform(
        timestamp=timestamp(ns),
        parent_frame_id=VEHICLE,
        child_frame_id=CAMERA,
        translation=Vector3(z=calibration.height_m.value),
        rotation=Quaternion(x=x, y=y, z=z, w=w),
    )
    return FrameTransforms(transforms=[transform])


def image_annotations(ns: int, result: FrameResult) -> ImageAnnotations:
    """The boundaries in the picture. Foxglove counts pixels from the corner of the first one, this project from its centre."""
    height = result.frame.size[1]
    lines = [
        PointsAnnotation(
            type=PointsAnnotation.LINE_STRIP,
            points=[Point2(x=x + 0.5, y=y + 0.5) for x, y in lane.points.tolist()],
            outline_color=_colour(lane, result),
            thickness=max(1.0, height * (0.006 if abs(lane.position) == 1 else 0.003)),
            metadata=[KeyValuePair(key=key, value=str(value)) for key, value in described(lane).items()],
        )
        for lane in result.lanes
    ]
    return ImageAnnotations(timestamp=timestamp(ns), points=lines)


def scene(ns: int, result: FrameResult) -> SceneUpdate:
    """The boundaries on the road, in metres, as one entity that replaces the one of the frame before; without lines where none is known."""
    lines = []
    for lane in result.lanes:
        if lane.curve is None or result.calibration is None or not result.calibration.is_metric:
            continue
        ahead = np.linspace(lane.curve.near_m, lane.curve.far_m, 32)
        points = [Point3(x=x, y=y) for x, y in zip(ahead.tolist(), lane.curve.y_at(ahead).tolist(), strict=True)]
        lines.append(
            LinePrimitive(
                type=LinePrimitive.LINE_STRIP,
                pose=Pose(orientation=Quaternion(w=1.0)),
                thickness=MARKING_WIDTH_M,
                points=points,
                color=_colour(lane, result),
            )
        )
    return SceneUpdate(entities=[SceneEntity(timestamp=timestamp(ns), frame_id=VEHICLE, id="lanes", lines=lines)])


def described(lane: Lane) -> dict[str, Any]:
    """What is known of a boundary beside its course, of JSON's types."""
    return {
        "id": lane.id,
        "position": lane.position,
        "type": lane.type,
        "confidence": round(float(lane.confidence), 3),
        "held_s": round(lane.held_s, 3),
    }


def quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """(3, 3) rotation -> x, y, z, w of unit length, by its eigenvector (Bar-Itzhack 2000), which is exact near every angle."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    k = np.array(
        [
            [xx - yy - zz, yx + xy, zx + xz, zy - yz],
            [yx + xy, yy - xx - zz, zy + yz, xz - zx],
            [zx + xz, zy + yz, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    x, y, z, w = np.linalg.eigh(k)[1][:, -1].tolist()
    return x, y, z, w


def _colour(lane: Lane, result: FrameResult) -> Color:
    """As in the overlay; fainter where the boundary is held or unsure."""
    leaving = lane.position == {"left": -1, "right": 1}.get(result.departure)
    blue, green, red = (value / 255 for value in (WARNING if leaving else colour_of(lane.id)))
    return Color(r=red, g=green, b=blue, a=0.4 if lane.held_s > 0 else 0.4 + 0.6 * float(lane.confidence))
