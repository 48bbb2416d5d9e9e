"""Memory does not grow with the length of a video. Takes minutes: `pytest -m slow -s tests/test_memory.py`."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from lanes.renderer.clip import write_clip

ROOT = Path(__file__).resolve().parents[1]
LOOP_SECONDS = 6
RATE = 10
"""Frames a second, as of a dashcam that saves space: ten minutes are 6,000 frames, whose number is what memory could grow with."""


def repeat(loop: Path, path: Path, times: int) -> None:
    """The same stretch of road again and again, without encoding it anew."""
    with av.open(str(path), "w") as out:
        stream = None
        for round_ in range(times):
            with av.open(str(loop)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                shift = int(round_ * Fraction(LOOP_SECONDS) / source.time_base)
                for packet in container.demux(source):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    out.mux(packet)


MEASURED = """
import re, sys, run_video
status = run_video.main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(status)
"""


def peak_memory(source: Path, output: Path) -> int:
    """Kilobytes that the main job had resident at the most. (`ru_maxrss` would count the memory of the process that started it.)"""
    command = [sys.executable, "-c", MEASURED, "--source", str(source), "--output", str(output), "--quiet", "--overwrite"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.slow
def test_ten_minutes_take_no_more_memory_than_one(tmp_path: Path) -> None:
    loop = tmp_path / "loop.mp4"
    write_clip(loop, LOOP_SECONDS, RATE)
    peaks = {}
    for minutes in (1, 10):
        repeat(loop, tmp_path / "long.mp4", 60 // LOOP_SECONDS * minutes)
        peaks[minutes] = peak_memory(tmp_path / "long.mp4", tmp_path / "out.mp4")
    print(f"peak memory, MB: {peaks[1] / 1024:.0f} for one minute, {peaks[10] / 1024:.0f} for ten")
    assert peaks[10] <= 1.15 * peaks[1]
