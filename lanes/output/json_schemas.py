"""JSON Schemas (https://json-schema.org) of what Foxglove's own schemas have no place for: programs that plot them read the units there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METRIC = {
    "offset_m": "offset of the camera from the lane's centre, metres, positive to the right",
    "width_m": "width of the lane, metres",
    "curvature_per_m": "curvature of the lane ahead, 1/m, positive to the left",
    "heading_rad": "of the vehicle's axis against the lane, radians, positive to the left",
    "look_ahead_m": "how far ahead both boundaries are seen, metres",
}
MOUNT = {
    "pitch_rad": "pitch of the camera, radians, positive where it looks down",
    "yaw_rad": "yaw of the camera, radians, positive to the left",
    "roll_rad": "roll of the camera, radians, positive with its right side down",
    "height_m": "height of the camera above the road, metres",
}
STAGES = ("capture", "preprocess", "inference", "postprocess", "lanes", "overlay", "total")


def _object(title: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, "type": "object", "properties": dict(properties)}


def _estimates(values: Mapping[str, str]) -> dict[str, Any]:
    """Numbers or null, each with the standard deviation of its error beside it."""
    made: dict[str, Any] = {}
    for name, words in values.items():
        made[name] = {"type": ["number", "null"], "description": words}
        made[f"{name}_std"] = {"type": ["number", "null"], "description": f"standard deviation of {name}"}
    return made


_LANE = {
    "id": {"type": "integer", "description": "stays with a boundary over time"},
    "position": {"type": "integer", "description": "-1 the ego lane's left boundary, 1 its right, -2 and 2 the next ones outward"},
    "type": {"enum": ["solid", "dashed", "unknown"]},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "held_s": {"type": "number", "description": "seconds since its paint was last seen"},
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "/lanes": _object(
        "lanestream.Lanes",
        {
            "frame": {"type": "integer", "description": "number of the frame in the source, from 0"},
            "cut": {"type": "boolean", "description": "the first frame after a cut: ids before it mean nothing after it"},
            "lanes": {"type": "array", "items": {"type": "object", "properties": _LANE}},
        },
    ),
    "/ego": _object("lanestream.Ego", _estimates(METRIC)),
    "/mount": _object(
        "lanestream.Mount",
        {"state": {"enum": ["uncalibrated", "calibrating", "valid", "invalid"]}}
        | _estimates(MOUNT)
        | {"height_from": {"enum": ["user", "camera.yaml", "lane width", "assumed", None], "description": "where the height is from"}},
    ),
    "/departure": _object("lanestream.Departure", {"state": {"enum": ["none", "left", "right", "inactive"]}, "why": {"type": "string"}}),
    "/latency": _object("lanestream.Latency", {stage: {"type": "number", "description": "milliseconds"} for stage in STAGES}),
}
"""By topic."""
