"""The window: real pixels on a real display without a screen (Xvfb), and a sentence where none can be opened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import cv2
import numpy as np
import pytest

from lanes.errors import InputError
from lanes.output.window import check_window
from lanes.session import Session
from lanes.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 640, 480

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="displays by name are those of X11 and Wayland")


@pytest.fixture
def display(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A display's name, and the file that holds its pixels."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs a display without a screen: apt-get install xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(tmp_path), "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as numbers:
        number = numbers.readline().strip()
    yield f":{number}", tmp_path / "Xvfb_screen0"
    process.terminate()
    process.wait()


def colours_on(file: Path) -> int:
    """How many a display shows: its pixels, four bytes each, are the end of an XWD file."""
    return len(np.unique(np.frombuffer(file.read_bytes()[-4 * WIDTH * HEIGHT :], np.uint32)))


def test_the_overlay_is_on_the_display_and_ctrl_c_ends_it(display: tuple[str, Path]) -> None:
    if "GUI:                           NONE" in cv2.getBuildInformation():
        pytest.skip("this OpenCV is built without windows")
    name, file = display
    source = "synthetic://demo?width=320&height=180&fps=5&seconds=600"
    command = [sys.executable, str(ROOT / "run_video.py"), "--source", source, "--live", "--output", "none", "--show", "--no-progress"]
    process = subprocess.Popen(command, env=os.environ | {"DISPLAY": name}, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        deadline = monotonic() + 120
        while colours_on(file) < 500:  # colours of a road, not of an empty window
            assert process.poll() is None
            assert monotonic() < deadline, "no picture on the display"
            sleep(0.1)
    finally:
        process.terminate()
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "QFontDatabase" not in messages


@only_linux
def test_without_a_display_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5")
    with pytest.raises(InputError, match=r"DISPLAY is not set.*--serve"):
        list(Session(Settings(show=True, output="none")).results())


@only_linux
def test_a_display_that_is_not_there_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":98765")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5")
    with pytest.raises(InputError, match=r"no window can be opened on the display :98765"):
        check_window()


def test_an_opencv_without_windows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           NONE")
    with pytest.raises(InputError, match="pip install opencv-python"):
        check_window()
