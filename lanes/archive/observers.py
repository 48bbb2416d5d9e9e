"""Observers: what looks at a drive's frames while they are there, and leaves files about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lanes.archive.recording import Recording
from lanes.results import FrameResult


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be kept of each drive beside its rows.

    Attributes:
        clips: a video around each departure.
        overlays: a video of the whole drive with the lanes drawn on it.
    """

    clips: bool = False
    overlays: bool = False


NOTHING = Wanted()
"""Neither of them."""


class Observer(Protocol):
    """Looks at every frame of one drive. Files that it writes into its folder become those of `DIR/drives/<id>/` when the drive is done.

    They are published before the drive is committed, so that each that the tables know is there; and like the tables they are to be the
    same, byte for byte, whenever the drive is processed.
    """

    def see(self, result: FrameResult) -> None:
        """A frame's result; pixels and mask are valid until this returns, and are not to be written to."""
        ...

    def finish(self, row: Mapping[str, Any]) -> None:
        """The drive has ended; `row` is its row of `drives`. Files are complete when this returns."""
        ...

    def close(self) -> None:
        """The drive is given up, or finished: lets go of everything. May be called more than once."""
        ...


def make_observers(wanted: Wanted, recording: Recording, folder: Path) -> list[Observer]:
    """The observers of one drive, whose source is open. `folder`: an empty one, for the files."""
    # Imported here, for they know `Wanted`.
    from lanes.archive.pictures import DrivePictures
    from lanes.archive.videos import DriveVideos

    observers: list[Observer] = [DrivePictures(folder)]
    if wanted.clips or wanted.overlays:
        observers.append(DriveVideos(wanted, recording.source.info, folder))
    return observers
