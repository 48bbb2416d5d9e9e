"""Rows: what the tables say of a drive, made of its results frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import cv2
import numpy as np

from lanes.archive.recording import Recording
from lanes.results import Estimate, FrameResult, Lane

Row = dict[str, Any]


class DriveRows:
    """Collects the rows of one drive.

    Args:
        drive: its id.
        recording: what it holds beside the pictures.
    """

    def __init__(self, drive: str, recording: Recording) -> None:
        self._drive, self._recording = drive, recording
        self._departure: Row | None = None
        self._counts = {"frames": 0, "lanes": 0, "departures": 0, "suspect": 0, "cuts": 0, "seen": 0}
        self._begin = self._end = 0.0
        self._calibration: str | None = None
        self.departures: list[Row] = []

    def add(self, result: FrameResult) -> tuple[Row, list[Row]]:
        """The row of `frames` for the next frame, and those of `lanes`. Departures are collected."""
        frame = result.frame
        time_s = round(frame.time_s, 6)
        if not self._counts["frames"]:
            self._begin = time_s
        self._end = time_s
        left, right = (_is_seen(result.lanes, position) for position in (-1, 1))
        calibration, ego = result.calibration, result.ego
        self._calibration = calibration.state if calibration else None
        row: Row = {
            "drive": self._drive,
            "frame": frame.index,
            "time_s": time_s,
            "cut": frame.cut,
            "suspect": frame.suspect,
            "lanes": len(result.lanes),
            "left": left,
            "right": right,
            "paint": cv2.countNonZero(result.mask) / result.mask.size,
            "departure": result.departure,
            "departure_why": result.departure_why or None,
            "calibration": self._calibration,
            "height_from": calibration.height_from if calibration else None,
            "band_top": result.band[0] if result.band else None,
            "band_bottom": result.band[1] if result.band else None,
            **self._place(frame.time_s),
        }
        for name in ("offset_m", "width_m", "curvature_per_m", "heading_rad", "look_ahead_m"):
            row |= _estimate(name, getattr(ego, name, None))
        for name in ("pitch_rad", "yaw_rad", "roll_rad", "height_m"):
            row |= _estimate(name, getattr(calibration, name, None))
        self._follow_departure(row)
        counts = self._counts
        counts["frames"] += 1
        counts["lanes"] += len(result.lanes)
        counts["suspect"] += frame.suspect
        counts["cuts"] += frame.cut
        counts["seen"] += left and right
        return row, [self._lane(frame.index, lane) for lane in result.lanes]

    def finish(self, name: str, files: Sequence[str], size: int) -> Row:
        """The row of `drives`, when all frames have been added and the source is still open."""
        self._departure = None
        source, info, counts = self._recording.source, self._recording.source.info, self._counts
        period = float(1 / info.frame_rate) if info.frame_rate else 0.0
        return {
            "drive": self._drive,
            "name": name,
            "files": list(files),
            "bytes": size,
            "started_at": self._recording.started_at,
            "duration_s": round(self._end - self._begin + period, 6) if counts["frames"] else 0.0,
            "frames": counts["frames"],
            "announced": info.frames,
            "corrupt": source.corrupt,
            "suspect": counts["suspect"],
            "cuts": counts["cuts"],
            "missing_s": round(self._recording.missing_s, 3),
            "width": info.width,
            "height": info.height,
            "frame_rate": float(info.frame_rate) if info.frame_rate else None,
            "lanes": counts["lanes"],
            "departures": len(self.departures),
            "seen": counts["seen"] / counts["frames"] if counts["frames"] else 0.0,
            "calibration": self._calibration,
            "distance_m": round(self._recording.track.length_m, 1) if self._recording.track else None,
            "positions": len(self._recording.positions),
        }

    def tracks(self) -> list[Row]:
        """The rows of `tracks`."""
        return [
            {
                "drive": self._drive,
                "time_s": position.time_s,
                "latitude": position.latitude,
                "longitude": position.longitude,
                "speed_mps": position.speed_mps,
                "course_deg": position.course_deg,
                "altitude_m": position.altitude_m,
            }
            for position in self._recording.positions
        ]

    def _lane(self, frame: int, lane: Lane) -> Row:
        curve = lane.curve
        row: Row = {
            "drive": self._drive,
            "frame": frame,
            "id": lane.id,
            "position": lane.position,
            "type": lane.type,
            "confidence": float(lane.confidence),
            "held_s": lane.held_s,
            "near_m": curve.near_m if curve else None,
            "far_m": curve.far_m if curve else None,
            "x": np.round(lane.points[:, 0], 1),
            "y": np.round(lane.points[:, 1], 1),
        }
        for name in ("offset_m", "heading_rad", "curvature_per_m", "curvature_rate_per_m2"):
            row |= _estimate(name, getattr(curve, name, None))
        return row

    def _follow_departure(self, row: Row) -> None:
        """Takes the frame into the departure that is under way, or begins one with it."""
        side = row["departure"]
        if side not in ("left", "right"):
            self._departure = None
            return
        current = self._departure
        if current is None or current["side"] != side or row["cut"]:
            begun = self._recording.started_at
            current = self._departure = {
                "drive": self._drive,
                "departure": len(self.departures),
                "side": side,
                "frame": row["frame"],
                "time_s": row["time_s"],
                "offset_m": row["offset_m"],
                **{name: row[name] for name in ("latitude", "longitude", "speed_mps")},
                "started_at": None if begun is None else begun + timedelta(milliseconds=round(1000 * (row["time_s"] - self._begin))),
            }
            self.departures.append(current)
        current |= {"end_frame": row["frame"], "duration_s": round(row["time_s"] - current["time_s"], 6)}
        if row["offset_m"] is not None:
            known = current["offset_m"]
            further = max if side == "right" else min
            current["offset_m"] = row["offset_m"] if known is None else further(known, row["offset_m"])

    def _place(self, time_s: float) -> Row:
        """Position and speed at a time."""
        fix = self._recording.track.at(time_s) if self._recording.track else None
        vehicle = self._recording.vehicle
        return {
            "latitude": fix.latitude_deg if fix else None,
            "longitude": fix.longitude_deg if fix else None,
            "speed_mps": vehicle(time_s).speed_mps if vehicle else None,
        }


def _is_seen(lanes: Sequence[Lane], position: int) -> bool:
    return any(lane.position == position and lane.held_s == 0 for lane in lanes)


def _estimate(name: str, estimate: Estimate | None) -> Row:
    return {name: estimate.value if estimate else None, f"{name}_std": estimate.std if estimate else None}
