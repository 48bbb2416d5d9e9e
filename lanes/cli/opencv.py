"""One line where OpenCV cannot be loaded: its usual build takes libraries for windows from the system, which slim containers lack."""

from __future__ import annotations

import sys
from types import TracebackType

PACKAGES = ("lanes", "engines", "calibration", "benchmarks")
"""What `python -m` runs programs of this project from."""


def missing_opencv(error: BaseException) -> str | None:
    """What to do about `error` if it means that OpenCV cannot be loaded, in one line; None where it means something else."""
    if not isinstance(error, ImportError) or not (error.name == "cv2" or _raised_in_opencv(error.__traceback__)):
        return None
    if isinstance(error, ModuleNotFoundError):
        return "OpenCV is not installed: pip install opencv-python-headless"
    return (
        f"OpenCV cannot be loaded ({str(error).splitlines()[0]}); on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0 libxcb1; or "
        "take its build without windows: pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless"
    )


def explain_missing_opencv() -> None:
    """Let programs that are run by `python -m` end with that line and status 2, not with a traceback."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        words = sys.orig_argv
        program = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
        why = missing_opencv(error) if program.partition(".")[0] in PACKAGES else None
        if why is None:
            before(kind, error, trace)
            return
        print(f"{program}: {why}", file=sys.stderr)
        sys.exit(2)

    sys.excepthook = hook


def _raised_in_opencv(trace: TracebackType | None) -> bool:
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] == "cv2":
            return True
        trace = trace.tb_next
    return False
