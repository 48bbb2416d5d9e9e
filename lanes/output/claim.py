"""Claim: one run at a time writes to an output."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lanes.errors import InputError
from lanes.files import identity

if TYPE_CHECKING:
    from filelock import FileLock


class Claim:
    """Keeps other runs on this machine away from an output, from its opening to `release` or the end of the process.

    The lock lies in the system's folder for temporary files, so that nothing of it is left beside the output and it works where
    memory cards and network drives have no locks. It spares the second run its work; that two runs never mix their bytes does
    not rest on it, for each writes a draft of its own (`lanes.files.Draft`).

    Take it before you check whether the path is free: another run may have ended in between.

    Args:
        path: a file or folder, by any of its paths.

    Raises:
        InputError: another run is writing there.
    """

    def __init__(self, path: Path) -> None:
        from filelock import FileLock, Timeout

        self._lock: FileLock | None = None
        owner = os.getuid() if hasattr(os, "getuid") else 0
        folder = Path(tempfile.gettempdir()) / f"lanestream-{owner}"
        self._file = folder / f"{hashlib.sha256(os.fsencode(identity(path))).hexdigest()[:32]}.lock"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = FileLock(self._file, timeout=0, thread_local=False)
            lock.acquire()
        except Timeout:
            if self._file.exists():
                raise InputError(f"{path}: another run is writing it; wait for its end, or give another path") from None
        except (OSError, NotImplementedError):  # no folder for locks here, or none of these
            pass
        else:
            self._lock = lock

    def release(self) -> None:
        """Let others write there. May be called more than once; never raises."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            with suppress(OSError):  # before the release, while no other holds it
                self._file.unlink()
            with suppress(OSError):
                lock.release()
