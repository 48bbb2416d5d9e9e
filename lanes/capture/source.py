"""Source: the interface behind which every kind of input stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from lanes.results import Frame


@dataclass(frozen=True, slots=True)
class Colour:
    """How a video's samples are meant, as code points of ITU-T H.273 (`range`: 0 unspecified, 1 limited, 2 full). The default is BT.709."""

    matrix: int = 1
    range: int = 1
    primaries: int = 1
    transfer: int = 1


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before its first frame is read.

    Attributes:
        name: short name for messages, records and default output names (`clip.mp4`, `frames`, `synthetic`); no credentials.
        kind: `video`, `images`, `camera`, `stream` or `synthetic`.
        width, height: of the upright frame in pixels; for images, of the first one (later ones may differ).
        frame_rate: average frames per second, or None where it is not known.
        frames: how many frames to expect, or None where it is not known (live). An estimate: containers can be wrong.
        live: frames arrive by their own clock and are lost if not taken.
        path: the file itself where the source is one video file (its audio is copied from it), else None.
        files: every file that is read, so that none of them is ever written over.
        time_base: every frame's time is a whole multiple of this many seconds; None where times are no such thing.
        start: the time at which playing starts, seconds on the source's own clock. An output's clock starts at 0 there.
        end: the time at which playing ends, where the source says so: it tells how long the last frame stays.
        colour: what the output needs to be tagged with to look like the source.
        pixel_aspect: width of a pixel over its height, after rotation.
    """

    name: str
    kind: str
    width: int
    height: int
    frame_rate: Fraction | None
    frames: int | None
    live: bool = False
    path: Path | None = None
    files: tuple[Path, ...] = ()
    time_base: Fraction | None = None
    start: Fraction = Fraction(0)
    end: Fraction | None = None
    colour: Colour = Colour()
    pixel_aspect: Fraction = Fraction(1)


class Source(ABC):
    """An iterable of frames in order of time. Iterate once; close when done (or use it as a context manager).

    Opening raises `InputError` with a sentence for the user when the input cannot be used. Iterating raises `ProcessingError`
    when a live source is lost; a corrupt stretch of a file is counted in `corrupt` and passed over instead.
    """

    info: SourceInfo
    corrupt: int = 0
    """Frames (or images) that could not be decoded so far, and were passed over."""

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Release the device or file. May be called more than once, and from another thread to end a blocked read."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
