"""Source: the interface behind which every kind of input stands."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Literal, TypeVar

from lanes.capture.events import Connected, Event, FormatChanged
from lanes.errors import InputError
from lanes.results import Frame

S = TypeVar("S", bound="Source")

DropReason = Literal["superseded", "late", "stopped"]
"""Why a frame was dropped: a newer one came before it was taken; it was due before it could be decoded; the source was closed."""

# Events that nobody asks for: the oldest are forgotten.
_EVENTS = 256


@dataclass(frozen=True, slots=True)
class Colour:
    """How a video's samples are meant, as code points of ITU-T H.273 (`range`: 0 unspecified, 1 limited, 2 full). The default is BT.709."""

    matrix: int = 1
    range: int = 1
    primaries: int = 1
    transfer: int = 1


@dataclass(frozen=True, slots=True)
class Track:
    """A stream beside the video in a file.

    Attributes:
        index: of the stream in its container.
        kind: `audio`, `subtitle` or `data`.
        codec: FFmpeg's name of it; None where it has none.
    """

    index: int
    kind: str
    codec: str | None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of a source that is recorded or rendered, beyond `SourceInfo`.

    Attributes:
        path: the file itself where the source is one video file (its other tracks are copied from it), else None.
        files: every file that is read, so that none of them is ever written over.
        end: the time at which playing ends, where the source says so: it shows how long the last frame stays.
        tracks: sound, subtitles and data beside the video.
        metadata: what the container says of itself (`creation_time`, `location`, make and model), as it is written there.
    """

    path: Path | None = None
    files: tuple[Path, ...] = ()
    end: Fraction | None = None
    tracks: tuple[Track, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of an open source.

    Attributes:
        name: short name for messages, records and default output names (`clip.mp4`, `frames`, `synthetic`); no credentials.
        kind: `video`, `images`, `camera`, `stream` or `synthetic`.
        width, height: of the upright frame in pixels; for images, of the first one (later ones may differ).
        frame_rate: average frames per second, or None where it is not known.
        frames: how many frames to expect, or None where it is not known (live). An estimate: containers can be wrong.
        live: frames arrive by their own clock and are lost if not taken.
        time_base: every frame's time is a whole multiple of this many seconds; None where times are no such thing.
        start: the time at which playing starts, seconds on the source's own clock. An output's clock starts at 0 there.
        colour: what the output needs to be tagged with to look like the source.
        pixel_aspect: width of a pixel over its height, after rotation.
        file: what only a recorded source has; None for a camera or a stream. A recording played as live keeps it.
    """

    name: str
    kind: str
    width: int
    height: int
    frame_rate: Fraction | None
    frames: int | None
    live: bool = False
    time_base: Fraction | None = None
    start: Fraction = Fraction(0)
    colour: Colour = Colour()
    pixel_aspect: Fraction = Fraction(1)
    file: FileInfo | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Frames of a source up to one moment: `captured == delivered + sum(dropped.values()) + waiting`, always.

    Attributes:
        captured: frames that came.
        delivered: of these, frames that the consumer has taken.
        dropped: of these, frames that nobody will get, by reason.
        waiting: of these, frames that can still be taken: 0 or 1.
        corrupt: frames that could not be decoded and are in none of the above.
        suspect: captured frames that may be smeared, see `Frame.suspect`.
    """

    captured: int = 0
    delivered: int = 0
    dropped: Mapping[DropReason, int] = field(default_factory=dict)
    waiting: int = 0
    corrupt: int = 0
    suspect: int = 0


SILENT_S = 3.0
"""Seconds for which the opening of a source goes without a word."""


class Source(ABC):
    """Frames in order of time. Constructing a source reads nothing and cannot fail on the outside world.

    Open it (`open()`, or as a context manager), iterate once, close it. A closed source stays closed: make a new one.

    A subclass opens in `_open`, gives frames in `_frames` and gives back in `_release`. At any time only one of them runs, so
    that nothing is ever freed while it is read.

    Args:
        name: see `SourceInfo.name`; known before the source is open.

    Attributes:
        info: what is known of it. Set by `open()`. It may change under way: the first frame with the new facts has `cut=True`,
            and the event `FormatChanged` is queued.
        on_event: is called with each event as it happens, in a thread of the source's; `events` gives the same to whoever asks. Set it
            before the source is opened.
    """

    info: SourceInfo

    def __init__(self, name: str) -> None:
        self.name = name
        self.on_event: Callable[[Event], None] | None = None
        self._closing = threading.Event()
        self._settled = threading.Event()  # opening has succeeded or failed, or is no longer wanted
        self._in_use = threading.Lock()  # held while something is opened, read or given back
        self._opener: threading.Thread | None = None
        self._opened = self._released = False
        self._wanted_from: Fraction | None = None  # see `skip_to`
        self._open_failure: BaseException | None = None
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._change = threading.Condition()  # guards the counts
        self._captured = self._delivered = self._corrupt = self._suspect = 0
        self._dropped: Counter[DropReason] = Counter()

    @abstractmethod
    def _open(self) -> SourceInfo:
        """Opens it and returns what is known of it; may block. Raises InputError or one of its subclasses."""

    @abstractmethod
    def _frames(self) -> Iterator[Frame]:
        """Every frame, in order. Raises ProcessingError where it cannot go on."""

    def _say_waiting(self) -> None:  # noqa: B027 - a file is soon open
        """It has not been open `SILENT_S` seconds after it was asked to."""

    def _release(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Gives back what `_open` took, also where `_open` failed half-way. Called once."""

    def open(self, timeout: float | None = None) -> None:
        """Opens it; does nothing when it is open. Blocks until then; Ctrl-C and `close()` from another thread end the waiting at once.

        The work is done in a thread of its own, because FFmpeg and drivers swallow signals while they wait for a device. One that
        is stuck is left behind, and gives the device back when it comes out.

        Args:
            timeout: seconds after which it is closed and counts as silent; None for those of its kind.

        Raises:
            InputError: it cannot be opened; `UnauthorizedError`, `NotFoundError` and `UnsupportedCodecError` say why, where that is known.
        """
        if self._opener is None:
            self._opener = threading.Thread(target=self._open_in_thread, name="lanestream-open", daemon=True)
            self._opener.start()
        begun, said = monotonic(), timeout is not None
        while not self._settled.wait(0.2):  # Windows delivers Ctrl-C between two waits only
            if not said and monotonic() - begun > SILENT_S:
                said = True
                self._say_waiting()
            if timeout is not None and monotonic() - begun > timeout:
                self.close()
                raise InputError(f"{self.name}: does not answer; check the address and the network")
        if self._closing.is_set():
            raise InputError(f"{self.name}: was closed while it was being opened")
        if self._open_failure is not None:
            raise self._open_failure

    def __iter__(self) -> Iterator[Frame]:
        """The frames, once.

        Raises:
            ProcessingError: it cannot be read on; `SourceLostError` where a camera or a stream has gone.
        """
        for frame in self._read():
            with self._change:
                self._captured += 1
                self._delivered += 1
                self._suspect += frame.suspect
            yield frame

    def close(self) -> None:
        """Gives the device or file back. May be called more than once, and from another thread: who waits for a frame returns at once."""
        self._closing.set()
        self._settled.set()
        # Whoever is stuck in opening or in a read gives it back when the call returns.
        if self._in_use.acquire(timeout=0.5):
            try:
                self._release_once()
            finally:
                self._in_use.release()

    @property
    def is_free(self) -> bool:
        """Whether a closed source has given its device or connection back. One whose driver is stuck in a call has not."""
        return self._released

    def skip_to(self, time: Fraction) -> None:
        """A hint from a consumer that is behind: of the frames up to `time`, only the newest is wanted.

        A source skips the others where that is cheaper than decoding them. Their numbers stay unused, and they count as `late`.
        """
        self._wanted_from = time

    def events(self) -> Iterator[Event]:
        """What happened since the last call, oldest first; may be called from any thread."""
        while True:
            try:
                yield self._events.popleft()
            except IndexError:
                return

    @property
    def counts(self) -> Counts:
        """Frames so far, consistent at every moment; may be read from any thread."""
        with self._change:
            waiting = self._captured - self._delivered - self._dropped.total()
            return Counts(self._captured, self._delivered, dict(self._dropped), waiting, self.corrupt, self._suspect)

    @property
    def corrupt(self) -> int:
        """Frames (or images) that could not be decoded so far, and were skipped."""
        return self._corrupt

    def __enter__(self: S) -> S:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _announce(self, event: Event) -> None:
        self._events.append(event)
        if self.on_event is not None:
            self.on_event(event)

    def _set_info(self, info: SourceInfo) -> None:
        """For `_frames`: the facts have changed; call it before the first frame that has them, with `cut=True`."""
        self.info = info
        self._announce(FormatChanged(info))

    def _is_late(self, successor: Fraction) -> bool:
        """For `_frames`: whether a frame is not wanted any more, since its successor, of that time, is due as well."""
        return self._wanted_from is not None and successor <= self._wanted_from

    def _skip(self, count: int, reason: DropReason = "late") -> None:
        """For `_frames`: so many frames before the next one are not given; by default because of `skip_to`."""
        if count:
            with self._change:
                self._captured += count
                self._dropped[reason] += count

    def _open_in_thread(self) -> None:
        with self._in_use:
            try:
                if not self._closing.is_set():
                    self.info = self._open()
                    self._announce(Connected(self.info))
                    self._opened = True
            except BaseException as error:  # raised anew in `open`
                self._open_failure = error
            if not self._opened or self._closing.is_set():
                self._release_once()
        self._settled.set()

    def _read(self) -> Iterator[Frame]:
        """The frames, each read while the source is in use; none after `close`."""
        frames = self._frames()
        while True:
            with self._in_use:
                frame = None if self._closing.is_set() else next(frames, None)
                if self._closing.is_set():
                    self._release_once()
                    return
            if frame is None:
                return
            yield frame

    def _release_once(self) -> None:
        if not self._released:
            self._released = True
            self._release()
