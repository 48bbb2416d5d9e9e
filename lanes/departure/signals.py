"""What a vehicle may say about itself, as far as a departure warning asks for it. All of it is optional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

TurnSignal = Literal["left", "right", "off"]


@dataclass(frozen=True, slots=True)
class VehicleState:
    """The vehicle at one time.

    Attributes:
        speed_mps: over ground, m/s; None where it is not known.
        turn_signal: None where it is not known.
    """

    speed_mps: float | None = None
    turn_signal: TurnSignal | None = None


class VehicleSignals(Protocol):
    """Where vehicle states come from: a bus, a receiver, a log."""

    def __call__(self, time_s: float) -> VehicleState:
        """The vehicle at a frame's time, in seconds on the source's own clock. It must not block."""
        ...
