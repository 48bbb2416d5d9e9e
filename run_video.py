#!/usr/bin/env python3
"""Draws the lanes on a dashcam video: `python run_video.py --source drive.mp4`. Without arguments it does so on a demo clip.

The same program as `lanestream`: see lanes/cli/main.py.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Returns the exit status."""
    from lanes.cli import main as program  # here, so that Ctrl-C while it is imported ends without a traceback too

    return program.main(arguments, "run_video.py")


if __name__ == "__main__":
    try:
        status = main()
    except KeyboardInterrupt:  # before the program listens to signals
        status = 130
    sys.exit(status)
