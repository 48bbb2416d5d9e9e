"""WindowSink: the overlay in a window, where there is a display."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable

import cv2

from lanes.arrays import BGRImage
from lanes.errors import InputError
from lanes.output.sink import Policy, Sink
from lanes.results import FrameResult

LARGEST = 1280, 800
"""Of the window when it opens, pixels."""

TURN_S = 0.03
"""Seconds between two looks at keys and mouse while no frame comes."""

CLOSING_KEYS = (ord("q"), ord("Q"), 27)
MARKING_KEYS = (ord("m"), ord("M"))

_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.pollKey()"
_PROBE_S = 30.0
_CLOSE_S = 5.0

_INSTEAD = "or use --serve 8080 and a browser"


def check_window() -> None:
    """Makes sure that a window can be opened: where it cannot, some builds of OpenCV end the whole process.

    Raises:
        InputError: there is no display, or this OpenCV has no windows.
    """
    if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        raise InputError(
            f"--show: this OpenCV is built without windows; pip install opencv-python in place of its headless build, {_INSTEAD}"
        )
    if sys.platform == "darwin":
        raise InputError(
            "--show: macOS gives windows to a program's first thread alone, which works on the video; use --serve 8080 and a browser"
        )
    if sys.platform == "win32":
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError(f"--show: there is no display here (DISPLAY is not set); log in on one, {_INSTEAD}")
    try:
        opened = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        opened = False
    if not opened:
        raise InputError(
            f"--show: no window can be opened on the display {os.environ.get('DISPLAY', '')}; check DISPLAY and xauth, {_INSTEAD}"
        )


class WindowSink(Sink):
    """Shows the newest frame in a thread of its own. Q, Esc or closing the window ends the run; M marks the moment.

    Args:
        title: of the window.
        stop: ends the run, from any thread.
        mark: keeps this moment, for a reason in a word; None where that is not possible.

    Raises:
        InputError: no window can be opened here.
    """

    policy = Policy.NEVER_BLOCK

    def __init__(self, title: str, stop: Callable[[], None], mark: Callable[[str], None] | None = None) -> None:
        check_window()
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false;qt.qpa.*=false")  # Qt misses its fonts, of which none is used
        self._title, self._stop, self._mark = title, stop, mark
        self._newest: BGRImage | None = None
        self._closing = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lanestream-window", daemon=True)
        self._thread.start()

    def write(self, result: FrameResult) -> None:
        with self._change:
            self.dropped += self._newest is not None
            self._newest = result.frame.pixels
            self._change.notify()

    def close(self) -> None:
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        opened = False
        while (pixels := self._take()) is not None or not self._closing:
            if pixels is not None:
                if not opened:
                    self._open(pixels)
                    opened = True
                cv2.imshow(self._title, pixels)
            if opened and not self._look():
                threading.Thread(target=self._stop, daemon=True).start()
                break
        if opened:
            cv2.destroyAllWindows()

    def _take(self) -> BGRImage | None:
        with self._change:
            self._change.wait_for(lambda: self._newest is not None or self._closing, TURN_S)
            pixels, self._newest = self._newest, None
            return None if self._closing else pixels

    def _open(self, pixels: BGRImage) -> None:
        height, width = pixels.shape[:2]
        scale = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))

    def _look(self) -> bool:
        """Takes what was typed; False when the window is to be closed, or is."""
        key = cv2.pollKey() & 0xFF
        if key in MARKING_KEYS and self._mark is not None:
            self._mark("window")
        return key not in CLOSING_KEYS and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
