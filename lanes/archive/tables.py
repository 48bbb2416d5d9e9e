"""The tables of an archive: their columns, in Arrow's types. Every table has `drive`; those with a row a frame or less have `frame`.

No table holds anything of the run that made it (host, time, attempt, latency), so the same drives give the same bytes. Lengths are in
metres, angles in radians, times in seconds on the drive's own clock; what is not known is null. `<name>_std` is a standard deviation.
"""

from __future__ import annotations

import pyarrow as pa


def _estimate(name: str) -> list[pa.Field]:
    return [pa.field(name, pa.float32()), pa.field(f"{name}_std", pa.float32())]


_DRIVE = pa.field("drive", pa.string(), nullable=False)
_FRAME = pa.field("frame", pa.int32(), nullable=False)
_TIME = pa.field("time_s", pa.float64(), nullable=False)
_PLACE = [pa.field("latitude", pa.float64()), pa.field("longitude", pa.float64()), pa.field("speed_mps", pa.float32())]

FRAMES = pa.schema(
    [
        _DRIVE,
        _FRAME,
        _TIME,
        pa.field("cut", pa.bool_(), nullable=False),  # the first frame after a gap: ids before it mean nothing after it
        pa.field("suspect", pa.bool_(), nullable=False),  # may be smeared, since data before it is damaged
        pa.field("lanes", pa.int8(), nullable=False),  # how many boundaries are known
        pa.field("left", pa.bool_(), nullable=False),  # paint of the ego lane's left boundary is seen now
        pa.field("right", pa.bool_(), nullable=False),
        pa.field("paint", pa.float32(), nullable=False),  # share of the frame's pixels that are lane paint
        pa.field("departure", pa.string(), nullable=False),  # none, left, right, inactive
        pa.field("departure_why", pa.string()),
        *_estimate("offset_m"),  # of the camera from the lane's centre, positive to the right
        *_estimate("width_m"),
        *_estimate("curvature_per_m"),
        *_estimate("heading_rad"),
        *_estimate("look_ahead_m"),
        pa.field("calibration", pa.string()),  # uncalibrated, calibrating, valid, invalid
        *_estimate("pitch_rad"),
        *_estimate("yaw_rad"),
        *_estimate("roll_rad"),
        *_estimate("height_m"),
        pa.field("height_from", pa.string()),  # user, camera.yaml, lane width, assumed
        pa.field("band_top", pa.int32()),  # rows that the network looked at; null for all
        pa.field("band_bottom", pa.int32()),
        *_PLACE,
    ]
)
"""A row a frame."""

LANES = pa.schema(
    [
        _DRIVE,
        _FRAME,
        pa.field("id", pa.int32(), nullable=False),
        pa.field("position", pa.int8(), nullable=False),  # -1 the ego lane's left boundary, 1 its right, -2, 2 the next ones
        pa.field("type", pa.string(), nullable=False),  # solid, dashed, unknown
        pa.field("confidence", pa.float32(), nullable=False),
        pa.field("held_s", pa.float32(), nullable=False),  # since its paint was seen last
        *_estimate("offset_m"),  # y(x) = offset + heading x + curvature x^2 / 2 + curvature_rate x^3 / 6, positive to the left
        *_estimate("heading_rad"),
        *_estimate("curvature_per_m"),
        *_estimate("curvature_rate_per_m2"),
        pa.field("near_m", pa.float32()),
        pa.field("far_m", pa.float32()),
        pa.field("x", pa.list_(pa.float32()), nullable=False),  # source-frame pixels, from the bottom upward
        pa.field("y", pa.list_(pa.float32()), nullable=False),
    ]
)
"""A row a boundary a frame."""

DEPARTURES = pa.schema(
    [
        _DRIVE,
        pa.field("departure", pa.int32(), nullable=False),  # numbered from 0 within the drive
        pa.field("side", pa.string(), nullable=False),  # left, right
        _FRAME,  # the first
        pa.field("end_frame", pa.int32(), nullable=False),  # the last
        _TIME,
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("offset_m", pa.float32()),  # the largest to that side, of the camera from the lane's centre
        *_PLACE,  # at the first frame
        pa.field("started_at", pa.timestamp("ms")),  # by the camera's own clock, as it shows it
    ]
)
"""A row a departure: the frames in a row whose `departure` is the same side."""

TRACKS = pa.schema([_DRIVE, _TIME, *_PLACE, pa.field("course_deg", pa.float32()), pa.field("altitude_m", pa.float32())])
"""A row a position that the drive's files carry: of satellites, as the camera recorded them."""

DRIVES = pa.schema(
    [
        _DRIVE,
        pa.field("name", pa.string(), nullable=False),  # of the first file
        pa.field("files", pa.list_(pa.string()), nullable=False),  # paths, in the order of time
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("started_at", pa.timestamp("ms")),  # by the camera's own clock, as it shows it
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("frames", pa.int32(), nullable=False),
        pa.field("announced", pa.int32()),  # frames that the files say they have, about; many more than `frames` where one stops early
        pa.field("corrupt", pa.int32(), nullable=False),  # frames that could not be decoded
        pa.field("suspect", pa.int32(), nullable=False),
        pa.field("cuts", pa.int32(), nullable=False),  # gaps, files that follow, and changes under way
        pa.field("missing_s", pa.float64(), nullable=False),  # between its files, as far as their names and lengths say
        pa.field("width", pa.int32(), nullable=False),  # pixels, upright
        pa.field("height", pa.int32(), nullable=False),
        pa.field("frame_rate", pa.float64()),
        pa.field("lanes", pa.int64(), nullable=False),  # rows in `lanes`
        pa.field("departures", pa.int32(), nullable=False),
        pa.field("seen", pa.float32(), nullable=False),  # share of frames in which paint of both boundaries of the ego lane is seen
        pa.field("calibration", pa.string()),  # at the end
        pa.field("distance_m", pa.float64()),  # driven, where there is a track or a speed
        pa.field("positions", pa.int32(), nullable=False),  # rows in `tracks`
    ]
)
"""A row a drive: the manifest."""

BY_DRIVE: dict[str, pa.Schema] = {"frames": FRAMES, "lanes": LANES, "departures": DEPARTURES, "tracks": TRACKS}
"""The tables with rows by drive, each a folder of Parquet files, by name."""
