"""A program that writes a video, for tests that end it: by a full disk or a kill."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Writes noisy frames until the end, a full disk, or a kill. Arguments: path, frames, how to end.
WRITER = """
import os, resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, ProcessingError
from lanes.results import Frame, FrameResult
from lanes.output.video import VideoSink
from tests.media import numbered

path, count, end = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if end.isdigit():
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(end), int(end)))
noise = np.random.default_rng(0)
try:
    sink = VideoSink(path, SourceInfo("x", "video", 192, 128, Fraction(25), None, time_base=Fraction(1, 25)))
except InputError as error:
    print(error)
    sys.exit(2)
status = 0
try:
    for number in range(count):
        pixels = numbered(number % 256, 192, 128)
        pixels[100:] = noise.integers(0, 256, (28, 192, 3), np.uint8)
        sink.write(FrameResult(Frame(pixels, number, Fraction(number, 25), "x", "x"), pixels[..., 0]))
except ProcessingError as error:
    print(error)
    status = 1
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
try:
    sink.close()
except ProcessingError as error:
    print(error)
    status = 1
sys.exit(status)
"""
