"""DepartureWarning: warns where a tyre is about to cross the marking of the lane, once an approach, or says why it cannot."""

from __future__ import annotations

from lanes.departure.approach import Approach, TyreGap
from lanes.departure.sides import LaneSides, Side
from lanes.departure.signals import VehicleState
from lanes.results import Calibration, DepartureState, Estimate

DEFAULT_VEHICLE_WIDTH_M = 1.8
"""Over the tyres' outer edges, of a middle-sized car: assumed where `camera.yaml` gives no width."""

SPEED_ON_MPS, SPEED_OFF_MPS = 60 / 3.6, 55 / 3.6
"""Where the speed is known, warnings begin at the first and end below the second: on town roads drivers cross lines all the time."""

SIGNAL_HOLD_S = 5.0
"""For so long after the turn signal there is no warning: three flashes end before the lane change does."""

LEAST_CONFIDENCE = 0.5
GREATEST_STD_M = 0.2
"""A boundary known worse is not warned of: in the 0.3 m behind the marking that are left for a warning it could not be made sure."""


class DepartureWarning:
    """The departure warning of one vehicle; it remembers the approach it has warned of.

    The distance is that from the tyre's outer edge to the marking's inner edge (DTLM of EU 2021/646). See `lanes.departure.approach` for
    what warns, with the sources.

    Args:
        vehicle_width_m: over the tyres' outer edges, metres; None for `DEFAULT_VEHICLE_WIDTH_M`.
        camera_lateral_offset_m: of the camera from the vehicle's middle, metres, positive to the left.
    """

    def __init__(self, vehicle_width_m: float | None = None, camera_lateral_offset_m: float | None = None) -> None:
        width = DEFAULT_VEHICLE_WIDTH_M if vehicle_width_m is None else vehicle_width_m
        offset = camera_lateral_offset_m or 0.0
        self._to_left_tyre, self._to_right_tyre = width / 2 - offset, width / 2 + offset
        self.reset()

    def reset(self) -> None:
        """Forget the approach, as after a cut."""
        self._left, self._right = Approach(), Approach()
        self._fast = False
        self._signalled_s: float | None = None

    def update(
        self,
        sides: LaneSides | None,
        calibration: Calibration | None,
        time_s: float,
        age_s: float = 0.0,
        vehicle: VehicleState | None = None,
    ) -> tuple[DepartureState, str]:
        """Take in the next frame and decide for now.

        Args:
            sides: the vehicle between its lane's boundaries at the frame's time; None where that is not known in metres.
            calibration: of the camera's mount at that time.
            time_s: of the frame, seconds on the source's own clock; it rises.
            age_s: of the frame now, seconds; 0 for recordings. What is decided holds at `time_s + age_s`.
            vehicle: its speed and turn signal, as far as they are known.

        Returns:
            `left` or `right` while that side is warned of, `none`, or `inactive` with the reason.
        """
        now_s = time_s + age_s
        why = self._blocked(calibration, now_s, vehicle or VehicleState())
        if why:
            self._left.forget()
            self._right.forget()
        why = why or _unknown(sides)
        if why or sides is None:
            return "inactive", why
        to_right, rate = sides.lateral_mps, sides.lateral_mps2
        to_left = Estimate(-to_right.value, to_right.std)
        left = self._left.follow(_gap(sides.left, self._to_left_tyre, to_left, -rate), time_s, age_s)
        right = self._right.follow(_gap(sides.right, self._to_right_tyre, to_right, rate), time_s, age_s)
        if left and right:  # the lane is narrower than the vehicle: the side that it moves to
            left = to_left.value >= 0
        return ("left" if left else "right" if right else "none"), ""

    def _blocked(self, calibration: Calibration | None, now_s: float, vehicle: VehicleState) -> str:
        """Why nothing about the lane could lead to a warning; empty where it could."""
        if vehicle.speed_mps is not None:
            self._fast = vehicle.speed_mps >= (SPEED_OFF_MPS if self._fast else SPEED_ON_MPS)
        if vehicle.turn_signal in ("left", "right"):
            self._signalled_s = now_s
        if calibration is None or not calibration.is_metric:
            return "the camera's height is not known"
        if calibration.state != "valid":
            return f"the camera's mount is {calibration.state}"
        if vehicle.speed_mps is not None and not self._fast:
            return f"the vehicle is slower than {3.6 * SPEED_ON_MPS:.0f} km/h"
        if self._signalled_s is not None and now_s - self._signalled_s <= SIGNAL_HOLD_S:
            return "the turn signal is on, or was just now"
        return ""


def _unknown(sides: LaneSides | None) -> str:
    """Why the place in the lane is not known well enough; empty where it is on one side at least."""
    known = [] if sides is None else [side for side in (sides.left, sides.right) if side is not None]
    if not known:
        return "no boundary of the lane is known in metres"
    if not any(side.confidence >= LEAST_CONFIDENCE for side in known):
        return "the lane's boundaries are uncertain"
    return "" if any(_is_known(side) for side in known) else "the distance to the lane's boundaries is uncertain"


def _is_known(side: Side | None) -> bool:
    return side is not None and side.confidence >= LEAST_CONFIDENCE and side.distance_m.std <= GREATEST_STD_M


def _gap(side: Side | None, to_tyre_m: float, closing_mps: Estimate, closing_mps2: float) -> TyreGap | None:
    """What there is between a tyre and its marking at the frame's time; None where that is not known well enough."""
    if side is None or not _is_known(side):
        return None
    return TyreGap(Estimate(side.distance_m.value - to_tyre_m, side.distance_m.std), closing_mps, closing_mps2)
