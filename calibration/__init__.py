"""Calibration: of a camera by photographs of a board, and quantisation to int8."""

import lanes  # noqa: F401 - which explains a missing OpenCV
