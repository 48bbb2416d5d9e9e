"""What goes between the head of a run and its workers: small, and nothing of it holds a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lanes.archive.drive import Drive
from lanes.archive.observers import NOTHING, Wanted
from lanes.geometry.camera_file import CameraFile
from lanes.settings import Settings


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is made of.

    Attributes:
        out: path or address of the results.
        settings: those of a run that say how frames are processed.
        camera: what is known of the camera.
        wanted: what is kept of each drive beside its rows.
        threads: of the engine, of the decoder and of OpenCV.
    """

    out: str
    settings: Settings
    camera: CameraFile | None = None
    wanted: Wanted = NOTHING
    threads: int = 1


@dataclass(frozen=True, slots=True)
class DriveTask:
    """A drive is to be processed and committed.

    Attributes:
        retried: also where it is in quarantine, as on its second try.
    """

    drive: Drive
    retried: bool = False


@dataclass(frozen=True)
class PartTask:
    """One part of every table is to be written.

    Attributes:
        prefix: of the ids of its drives.
        fresh: those of them that are commits.
    """

    prefix: str
    fresh: tuple[str, ...]


Task = DriveTask | PartTask

Outcome = Literal["done", "known", "quarantined", "failed", "output failed"]
"""Of a task: done now; committed before; in quarantine from before; could not be done; its result could not be written."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a task.

    Attributes:
        drive: the id, where it is known.
        cause: why it failed, in one line.
        seconds: of video.
        frames: how many.
    """

    outcome: Outcome
    drive: str | None = None
    cause: str = ""
    seconds: float = 0.0
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker takes tasks now. `facts`: the settings as they turned out there (`lanes.archive.folder.settle_settings`)."""

    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Finished:
    """A task has ended, well or not."""

    task: Task
    result: Result


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is gone, and with it the task that it had; another takes its place.

    Attributes:
        task: None where it had none.
        cause: in one line.
        blameless: whether it went with its machine, which says nothing against the task.
    """

    task: Task | None
    cause: str
    blameless: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A worker could not be made, as where the model cannot be used: none will."""

    cause: str


Event = Ready | Finished | Died | Refused
