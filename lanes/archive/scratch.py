"""Folders of this machine for files under way, which are removed also where the process that made them was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "lanestream-archive"


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder within the system's one for temporary files. Raises OSError where there can be none."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Removes those of processes that are gone. Never raises."""
    import psutil

    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*-*"):
        pid = folder.name.removeprefix(f"{PREFIX}-").partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
