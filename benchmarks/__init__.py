"""Benchmarks: what the project costs on a machine."""

import lanes  # noqa: F401 - which explains a missing OpenCV
