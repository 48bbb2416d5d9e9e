"""How a camera was found to be mounted, kept on disk from run to run: one small file a camera, whole at every moment.

A file is written under another name, forced to the disk, and then renamed; the folder is forced to the disk as well. Whenever the power
goes, there is the former file or the new one. It carries a checksum all the same, for disks that lie about what they have written; what
does not agree with it is left aside.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from time import time

from platformdirs import user_state_path

from lanes.files import Draft
from lanes.geometry.camera_file import CameraFile

log = logging.getLogger(__name__)

VERSION = 1

ABANDONED_S = 3600.0
"""A draft so old belongs to a process that was killed."""


@dataclass(frozen=True)
class SavedMount:
    """Angles of a camera, radians, each with its standard deviation, and when they were saved (seconds since 1970)."""

    pitch: float
    pitch_std: float
    yaw: float
    yaw_std: float
    saved: float


def default_store() -> Path:
    """The user's own folder for it: `~/.local/state/lanestream/mounts` on Linux."""
    return user_state_path("lanestream", appauthor=False) / "mounts"


def file_of(camera: CameraFile, store: Path) -> Path:
    """The file of a camera: by its name and by all that its `camera.yaml` says of its lens and mount, so that a new one starts anew."""
    known = (camera.camera_name, camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
    text = repr((*known, camera.distortion, camera.extrinsics, camera.extrinsics_time))
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in camera.camera_name)[:40]
    return store / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def load(path: Path) -> SavedMount | None:
    """What was saved last; None where nothing was, or where it cannot be read."""
    try:
        document = json.loads(path.read_bytes())
        body = document["mount"]
        if document["version"] != VERSION or document["check"] != _checksum(body):
            raise ValueError("its checksum is another one")
        mount = SavedMount(**{name: float(body[name]) for name in SavedMount.__dataclass_fields__})
        if not all(isfinite(value) for value in asdict(mount).values()) or min(mount.pitch_std, mount.yaw_std) < 0:
            raise ValueError("it holds what no mount is")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("%s: cannot be read (%s); the camera's mount is estimated from the start", path, error)
        return None
    return mount


def save(path: Path, mount: SavedMount) -> None:
    """Write it whole or not at all. A disk that is full or write-protected is said in the log, and no reason to stop."""
    draft = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Draft(path)
        with draft.path.open("wb") as file:
            file.write(encode(mount))
            file.flush()
            os.fsync(file.fileno())
        draft.publish()
        _sync_folder(path.parent)
        _sweep(path)
    except OSError as error:
        log.warning("%s: the camera's mount is not saved (%s)", path, error.strerror)
    finally:
        if draft is not None:
            draft.discard()


def encode(mount: SavedMount) -> bytes:
    """What a file holds."""
    body = asdict(mount)
    return json.dumps({"version": VERSION, "mount": body, "check": _checksum(body)}).encode()


def _checksum(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _sync_folder(folder: Path) -> None:
    """The renaming itself reaches the disk with the folder. Windows opens none, and renames through its own log."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(path: Path) -> None:
    """Remove the drafts of processes that were killed."""
    for draft in path.parent.glob(f".{path.name}.*.part"):
        with suppress(OSError):
            if time() - draft.stat().st_mtime > ABANDONED_S:
                draft.unlink()
