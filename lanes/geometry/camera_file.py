"""camera.yaml: what is known of one camera, in the fields of ROS's camera_info files and one key of ours, `lanestream`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any, get_args

import numpy as np

from lanes.errors import InputError
from lanes.files import write_atomically
from lanes.geometry.camera import Camera
from lanes.geometry.distortion import NO_DISTORTION, Distortion
from lanes.geometry.safe_yaml import read_yaml
from lanes.results import Calibration, CalibrationState, Estimate

MODEL = "plumb_bob"
COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3")
INTRINSICS = ("fx", "fy", "cx", "cy", *COEFFICIENTS)
ANGLES = ("pitch_rad", "yaw_rad", "roll_rad")
OURS = ("height_m", "vehicle_width_m", "camera_lateral_offset_m")

LARGEST_SIDE = 32768
"""Pixels along a side of a picture."""

LIMITS = {"height_m": (0.1, 10.0), "vehicle_width_m": (0.3, 5.0), "camera_lateral_offset_m": (-3.0, 3.0)}
"""What a vehicle on a road can have, metres: outside of it a unit is wrong."""


DIRECTED = 0.9
"""Share of the picture's width and height, about its middle, in which every pixel must have a direction."""


@dataclass(frozen=True)
class CameraFile:
    """A camera as its file describes it. One that describes no camera cannot be made.

    Attributes:
        camera_name: what it is called; files and messages name it so.
        width, height: of the pictures it was calibrated with, pixels.
        fx, fy, cx, cy: focal lengths and principal point for that size, pixels; the centre of the top left pixel is at (0, 0).
        distortion: of the lens.
        height_m: of the camera above the road, metres; None where it was not measured.
        vehicle_width_m: between the outer edges of the tyres, metres; None where it was not measured.
        camera_lateral_offset_m: of the camera from the vehicle's centre line, metres, positive to the left (ISO 8855); None likewise.
        extrinsics: how the camera was found to be mounted, without its height; None where that was never estimated.
        extrinsics_time: when, ISO 8601; empty where unknown.
        intrinsics_std: standard deviation of each of `INTRINSICS`, in its unit; empty where unknown, as in a file of ROS.
        rms_px: reprojection error of the calibration; None where unknown.

    Raises:
        InputError: a value that no camera has, in words without the file's name.
    """

    camera_name: str
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: Distortion = NO_DISTORTION
    height_m: float | None = None
    vehicle_width_m: float | None = None
    camera_lateral_offset_m: float | None = None
    extrinsics: Calibration | None = None
    extrinsics_time: str = ""
    intrinsics_std: Mapping[str, float] = field(default_factory=dict)
    rms_px: float | None = None

    def __post_init__(self) -> None:
        check_name(self.camera_name)
        for name, side in (("image_width", self.width), ("image_height", self.height)):
            if not 2 <= side <= LARGEST_SIDE:
                raise InputError(f"{name} is {str(side)[:20]}, not a number of pixels from 2 to {LARGEST_SIDE}")
        _check_matrix(self)
        for name in LIMITS:
            try:
                check_length(name, getattr(self, name))
            except InputError as error:
                raise InputError(f"lanestream.{error}") from None
        _check_lens(self)

    @classmethod
    def read(cls, path: Path) -> CameraFile:
        """The camera that a file describes, of this project or of ROS.

        Raises:
            NotFoundError: there is no such file.
            InputError: it is something else, or describes no camera that this project can use: the message says which value is wrong.
        """
        document = read_yaml(path)
        try:
            return _from_document(document)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def write(self, path: Path) -> None:
        """Writes the file whole or not at all, over one that is there.

        Raises:
            OutputError: it cannot be written.
        """
        import yaml

        text = yaml.safe_dump(_to_document(self), sort_keys=False, default_flow_style=None, width=140, allow_unicode=True)
        write_atomically(path, text)

    def for_size(self, width: int, height: int) -> CameraFile:
        """The same camera in pictures of another size and the same shape, as a recorder that scales its frames makes them.

        Shapes are the same where one side is within a pixel of what the other asks for: 1280x720 becomes 854x480, and 1281x721.

        Raises:
            InputError: the shape is another one. Whether such a picture was cut, and where, or stretched, cannot be known from its size.
        """
        if (width, height) == (self.width, self.height):
            return self
        if not same_shape((width, height), (self.width, self.height)):
            raise InputError(
                f"the camera {self.camera_name!r} was calibrated with pictures of {self.width}x{self.height}, and frames of "
                f"{width}x{height} have another shape: calibrate it with photographs taken in the mode of the video, or give frames "
                "of the former shape"
            )
        across, down = width / self.width, height / self.height
        scales = {"fx": across, "cx": across, "fy": down, "cy": down}
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * across,
            fy=self.fy * down,
            # Pixel centres are at whole numbers, so the picture begins at -0.5.
            cx=(self.cx + 0.5) * across - 0.5,
            cy=(self.cy + 0.5) * down - 0.5,
            intrinsics_std={name: std * scales.get(name, 1.0) for name, std in self.intrinsics_std.items()},
            rms_px=None if self.rms_px is None else self.rms_px * (across + down) / 2,
        )

    def camera(
        self,
        width: int,
        height: int,
        mount_height: float | None = None,
        pitch: float = 0.0,
        yaw: float = 0.0,
        roll: float = 0.0,
    ) -> Camera:
        """The camera above the road, for frames of a size.

        Args:
            width, height: of the frames, pixels.
            mount_height: metres; None for the file's, or where it has none for the `Camera`'s own default.
            pitch, yaw, roll: radians, as `Camera` has them. The file's own extrinsics are a start for an estimate, and not taken here.

        Raises:
            InputError: the frames have another shape than the pictures of the calibration.
        """
        scaled = self.for_size(width, height)
        above = mount_height if mount_height is not None else self.height_m
        placed = Camera(
            *(width, height, scaled.fx, scaled.fy, scaled.cx, scaled.cy),
            pitch=pitch,
            yaw=yaw,
            roll=roll,
            distortion=self.distortion,
        )
        return placed if above is None else replace(placed, mount_height=above)


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes (width, height) are one picture's, scaled, with a pixel for rounding."""
    (width, height), (w, h) = one, other
    return abs(width - height * w / h) <= 1 or abs(height - width * h / w) <= 1


def check_name(name: str) -> None:
    """Raises InputError where that is no name of a camera."""
    if not 0 < len(name) <= 100 or not name.isprintable():
        raise InputError("camera_name is not a name of 1 to 100 printable characters")


def check_length(name: str, value: float | None) -> None:
    """Raises InputError where a length of `LIMITS`, in metres, is none that a vehicle on a road has. None, for unknown, is one."""
    least, most = LIMITS[name]
    if value is not None and not least <= value <= most:
        raise InputError(f"{name} is {value:g}, not a length from {least:g} to {most:g} in metres")


def _check_matrix(camera: CameraFile) -> None:
    for name in ("fx", "fy"):
        focal = getattr(camera, name)
        if not camera.width / 50 <= focal <= camera.width * 50:
            raise InputError(
                f"camera_matrix has {name} = {focal:g}, which is no focal length in pixels of a picture {camera.width} wide: "
                "the matrix is singular, or belongs to another size"
            )
    if not (-0.5 <= camera.cx <= camera.width - 0.5 and -0.5 <= camera.cy <= camera.height - 0.5):
        raise InputError(
            f"camera_matrix has the principal point ({camera.cx:g}, {camera.cy:g}) outside of the picture of "
            f"{camera.width}x{camera.height}: it belongs to another size"
        )


def _check_lens(camera: CameraFile) -> None:
    """Pixels must have directions, but for the very corners. A polynomial that folds back sooner comes from boards in the middle alone."""
    lens = camera.distortion
    if not all(isfinite(getattr(lens, name)) and abs(getattr(lens, name)) < 1e6 for name in COEFFICIENTS):
        raise InputError("distortion_coefficients has a value that no lens has")
    sides = np.linspace(-0.5, 0.5, 33) * DIRECTED
    border = np.array([(a, b) for a in sides for b in (sides[0], sides[-1])])
    pixels = (np.concatenate([border, border[:, ::-1]]) + 0.5) * (camera.width, camera.height) - 0.5
    if not np.isfinite(lens.undistort((pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy))).all():
        raise InputError(
            "distortion_coefficients fold the picture back on itself before its border: calibrate again, with the board in the picture's "
            "corners too"
        )


def _from_document(document: Mapping[str, Any]) -> CameraFile:
    model = _get(document, "distortion_model", str)
    if model != MODEL:
        raise InputError(
            f"distortion_model is {model!r}; this project knows {MODEL!r} alone: calibrate with that model, or give frames that are "
            f"undistorted already with the matrix of those, {MODEL!r} and five zeros"
        )
    matrix = _matrix(document, "camera_matrix", (3, 3))
    fx, skew, cx, below, fy, cy, *last = matrix
    if (skew, below, *last) != (0.0, 0.0, 0.0, 0.0, 1.0):
        raise InputError("camera_matrix is not [fx, 0, cx, 0, fy, cy, 0, 0, 1]: a skewed one is not supported")
    lens = _matrix(document, "distortion_coefficients", (1, 4), (1, 5), (4, 1), (5, 1))
    for name, shape in (("rectification_matrix", (3, 3)), ("projection_matrix", (3, 4))):
        if name in document and np.linalg.matrix_rank(np.reshape(_matrix(document, name, shape), shape)) < 3:
            raise InputError(f"{name} is singular")
    ours = document.get("lanestream", {})
    extra = _section(ours, "lanestream", (*OURS, "extrinsics", "intrinsics"))
    extrinsics, when = _extrinsics(extra["extrinsics"]) if "extrinsics" in extra else (None, "")
    stds = _section(extra.get("intrinsics", {}), "lanestream.intrinsics", (*(f"{name}_std" for name in INTRINSICS), "rms_px"))
    return CameraFile(
        camera_name=_get(document, "camera_name", str) if "camera_name" in document else "camera",
        width=_get(document, "image_width", int),
        height=_get(document, "image_height", int),
        fx=fx,
        fy=fy,
        cx=cx,
        cy=cy,
        distortion=Distortion(*lens),
        **{name: _number(extra[name], f"lanestream.{name}") for name in OURS if name in extra},
        extrinsics=extrinsics,
        extrinsics_time=when,
        intrinsics_std={name: _spread(stds, f"{name}_std", "lanestream.intrinsics") for name in INTRINSICS if f"{name}_std" in stds},
        rms_px=_spread(stds, "rms_px", "lanestream.intrinsics") if "rms_px" in stds else None,
    )


def _extrinsics(found: Any) -> tuple[Calibration, str]:
    where = "lanestream.extrinsics"
    section = _section(found, where, (*ANGLES, *(f"{name}_std" for name in ANGLES), "state", "time"))
    state = _state(section.get("state"))
    angles: dict[str, Estimate | None] = dict.fromkeys(ANGLES)
    for name in ANGLES:
        if name not in section:
            continue
        value = _number(section[name], f"{where}.{name}")
        if abs(value) > 1.6:
            raise InputError(f"{where}.{name} is {value:g}, more than a right angle: it is in radians")
        if f"{name}_std" not in section:
            raise InputError(f"{where} has no {name}_std beside {name}")
        angles[name] = Estimate(value, _spread(section, f"{name}_std", where))
    time = section.get("time", "")
    when = time.isoformat() if isinstance(time, date) else time
    if not isinstance(when, str) or len(when) > 64:
        raise InputError(f"{where}.time is not a time as in 2026-01-31T12:00:00+00:00")
    pitch, yaw, roll = (angles[name] for name in ANGLES)
    return Calibration(state, pitch, yaw, roll), when


def _state(found: Any) -> CalibrationState:
    states: tuple[CalibrationState, ...] = get_args(CalibrationState)
    for state in states:
        if found == state:
            return state
    raise InputError(f"lanestream.extrinsics.state is {str(found)[:40]!r}, not one of {', '.join(states)}")


def _to_document(camera: CameraFile) -> dict[str, Any]:
    """The file's keys, in ROS's order. A monocular camera is not rectified: identity, and its own matrix."""
    lens = [getattr(camera.distortion, name) for name in COEFFICIENTS]
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    document: dict[str, Any] = {
        "image_width": camera.width,
        "image_height": camera.height,
        "camera_name": camera.camera_name,
        "camera_matrix": _data([fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0], 3),
        "distortion_model": MODEL,
        "distortion_coefficients": _data(lens, 1),
        "rectification_matrix": _data([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3),
        "projection_matrix": _data([fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0], 3),
    }
    ours: dict[str, Any] = {name: float(getattr(camera, name)) for name in OURS if getattr(camera, name) is not None}
    stds = {f"{name}_std": float(std) for name, std in camera.intrinsics_std.items()}
    if camera.rms_px is not None:
        stds["rms_px"] = float(camera.rms_px)
    if stds:
        ours["intrinsics"] = stds
    if camera.extrinsics is not None:
        angles: dict[str, Any] = {}
        for name in ANGLES:
            estimate = getattr(camera.extrinsics, name)
            if estimate is not None:
                angles |= {name: float(estimate.value), f"{name}_std": float(estimate.std)}
        ours["extrinsics"] = angles | {"state": camera.extrinsics.state, "time": camera.extrinsics_time}
    return document | ({"lanestream": ours} if ours else {})


def _data(values: Sequence[float], rows: int) -> dict[str, Any]:
    return {"rows": rows, "cols": len(values) // rows, "data": [float(value) for value in values]}


def _get(document: Mapping[str, Any], key: str, kind: type) -> Any:
    if key not in document:
        raise InputError(f"has no {key}")
    value = document[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{key} is {str(value)[:40]!r}, not {'a whole number' if kind is int else 'text'}")
    return value


def _number(value: Any, name: str) -> float:
    """A finite number. PyYAML takes 1e-05 and 1.5e3, as many programs write them, for text: YAML 1.1 wants a point and a sign."""
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d{1,3}", value):
        value = float(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InputError(f"{name} is {str(value)[:40]!r}, not a number")
    if not (abs(value) < 1e100 and isfinite(value)):
        raise InputError(f"{name} is not a finite number")
    return float(value)


def _spread(section: Mapping[str, Any], key: str, where: str) -> float:
    value = _number(section[key], f"{where}.{key}")
    if value < 0:
        raise InputError(f"{where}.{key} is {value:g}, and a spread is not below 0")
    return value


def _matrix(document: Mapping[str, Any], name: str, *shapes: tuple[int, int]) -> list[float]:
    """The numbers of a matrix, row after row, which has one of the shapes."""
    section = _get(document, name, object)
    if not isinstance(section, dict) or not isinstance(section.get("data"), list):
        raise InputError(f"{name} is not a matrix: rows, cols and data")
    data = [_number(value, name) for value in section["data"]]
    shape = (section.get("rows"), section.get("cols"))
    if shape not in shapes or len(data) != shape[0] * shape[1]:
        wanted = " or ".join(f"{rows}x{cols}" for rows, cols in shapes)
        raise InputError(f"{name} has {len(data)} numbers in {shape[0]} rows and {shape[1]} columns, not a matrix of {wanted}")
    return data


def _section(found: Any, where: str, known: Sequence[str]) -> dict[str, Any]:
    """A map of ours without unknown keys, in which a misspelt one would go unnoticed."""
    if not isinstance(found, dict):
        raise InputError(f"{where} is {str(found)[:40]!r}, not a map of {', '.join(known)}")
    for key in found:
        if key not in known:
            raise InputError(f"{where} has {str(key)[:40]!r}, which it does not know: it takes {', '.join(known)}")
    return {key: value for key, value in found.items() if value is not None}
