"""Lane departure warning: from where the vehicle is between its lane's boundaries to a warning, or the reason why there cannot be one."""

from lanes.departure.sides import LaneSides, Side
from lanes.departure.signals import VehicleSignals, VehicleState
from lanes.departure.warning import DEFAULT_VEHICLE_WIDTH_M, DepartureWarning

__all__ = ["DEFAULT_VEHICLE_WIDTH_M", "DepartureWarning", "LaneSides", "Side", "VehicleSignals", "VehicleState"]
