"""Calibration: quantisation to int8."""

import lanes  # noqa: F401 - which explains a missing OpenCV
