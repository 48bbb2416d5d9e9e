"""Models that are programs: they find lanes without a network, so there is no file of them to export, quantise or hand to a runtime."""

from __future__ import annotations

PROGRAMS = {"classical": "lanes.models.classical:find_paint"}
"""By name, the module and the function: (H, W, 3) uint8 BGR -> (H, W) uint8 lane probability."""

PROGRAM_ENGINE = ("engines.backends.opencv_cpu", "OpenCvEngine", "pip install opencv-python-headless")
"""Module, class and hint of the engine that runs them: `opencv`."""


def why_no_file(name: str) -> str:
    """What to say where a file of a program is asked for."""
    return f"{name} is a program, not a network: there is no file of it, and the engine opencv alone runs it"
