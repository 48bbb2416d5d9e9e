"""Files that come with the program."""

from pathlib import Path

DEMO_CLIP = Path(__file__).resolve().parent / "demo.mp4"
"""A rendered road, 6 seconds: what is processed when no source is named. `python -m lanes.renderer.clip` makes it."""
