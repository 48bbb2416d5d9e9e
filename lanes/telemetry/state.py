"""RunState: what is known of a run besides its counts and times, for whoever watches it: engine, source, departures, calibration."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from time import monotonic, time
from typing import Literal

from lanes.capture.events import Black, Event, FormatChanged, Frozen, LossKind, Lost, PictureBack, Resumed
from lanes.capture.source import SourceInfo
from lanes.results import CalibrationState, DepartureState, FrameResult
from lanes.telemetry.report import EngineFacts

Phase = Literal["starting", "opening", "up", "lost", "ended"]
"""Of the source: the engine is not ready yet; it is being opened; it sends; it is waited for; it has ended."""

PictureState = Literal["moving", "frozen", "black"]

NOTABLE = 50
"""The last so many happenings are kept."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a person who comes later wants to know of.

    Attributes:
        at: seconds since 1970.
        kind: `departure`, `lost`, `back`, `frozen`, `black`, `moving` or `mark`.
        text: in a few words, without a credential.
    """

    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run at one moment.

    Attributes:
        engine: what runs the model; None before it is ready.
        source: name of the source, without credentials; info: what is known of it while it is open.
        phase: of the source, cause: why it is lost, since: when the phase began, by the monotonic clock.
        picture: whether it moves.
        reconnects: returns of a source that was lost, by what had happened to it.
        last_frame: seconds since 1970 when a frame was last finished; None before the first one.
        departures: begun so far, by side.
        calibration: state of the camera's; None where none is estimated.
        happenings: the last ones, oldest first.
    """

    engine: EngineFacts | None = None
    source: str = ""
    info: SourceInfo | None = None
    phase: Phase = "starting"
    cause: str = ""
    since: float = 0.0
    picture: PictureState = "moving"
    reconnects: Mapping[LossKind, int] = field(default_factory=dict)
    last_frame: float | None = None
    departures: Mapping[str, int] = field(default_factory=dict)
    calibration: CalibrationState | None = None
    happenings: tuple[Happening, ...] = ()


class RunState:
    """Collects `RunFacts`. May be read and written by several threads; the wall clock is for names only, see `Telemetry` for ages."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._facts = RunFacts(since=monotonic())
        self._reconnects: Counter[LossKind] = Counter()
        self._departures: Counter[str] = Counter(left=0, right=0)
        self._departure: DepartureState = "none"
        self._calibration: CalibrationState | None = None
        self._last_frame: float | None = None
        self._happenings: deque[Happening] = deque(maxlen=NOTABLE)
        self._loss: LossKind | None = None

    def engine_opened(self, engine: EngineFacts) -> None:
        """The engine is ready."""
        with self._lock:
            self._facts = replace(self._facts, engine=engine)

    def source_opening(self, name: str) -> None:
        """A source comes next, and is being opened."""
        with self._lock:
            self._loss, self._departure = None, "none"
            self._facts = replace(self._facts, source=name, info=None, phase="opening", cause="", since=monotonic(), picture="moving")

    def source_opened(self, info: SourceInfo) -> None:
        """It is open, and frames follow."""
        with self._lock:
            self._facts = replace(self._facts, source=info.name, info=info)
            self._enter("up")

    def source_ended(self) -> None:
        """It has ended, well or badly."""
        with self._lock:
            self._enter("ended")

    def source_event(self, event: Event) -> None:
        """Something happened to the source, in any thread."""
        with self._lock:
            match event:
                case FormatChanged(info):
                    self._facts = replace(self._facts, info=info)
                case Lost(cause, kind):
                    self._loss = kind
                    self._enter("lost", cause)
                    self._note("lost", cause)
                case Resumed(outage_s):
                    self._reconnects[self._loss or "failed"] += 1
                    self._enter("up")
                    self._note("back", f"the source is back after {outage_s:.1f} s")
                case Frozen(seconds):
                    self._facts = replace(self._facts, picture="frozen")
                    self._note("frozen", f"the same picture for {seconds:.0f} s")
                case Black(seconds):
                    self._facts = replace(self._facts, picture="black")
                    self._note("black", f"a black picture for {seconds:.0f} s")
                case PictureBack(seconds):
                    self._facts = replace(self._facts, picture="moving")
                    self._note("moving", f"the picture moves again after {seconds:.1f} s")

    def note(self, result: FrameResult) -> None:
        """A frame is finished."""
        with self._lock:
            self._last_frame = time()
            self._calibration = None if result.calibration is None else result.calibration.state
            if result.departure != self._departure:
                self._departure = result.departure
                if result.departure in ("left", "right"):
                    self._departures[result.departure] += 1
                    self._note("departure", f"lane departure to the {result.departure}")

    def mark(self, reason: str) -> None:
        """Somebody asked that this moment be kept."""
        with self._lock:
            self._note("mark", reason)

    def facts(self) -> RunFacts:
        """What is known now."""
        with self._lock:
            return replace(
                self._facts,
                reconnects=dict(self._reconnects),
                last_frame=self._last_frame,
                departures=dict(self._departures),
                calibration=self._calibration,
                happenings=tuple(self._happenings),
            )

    def _enter(self, phase: Phase, cause: str = "") -> None:
        self._facts = replace(self._facts, phase=phase, cause=cause, since=monotonic(), picture="moving")

    def _note(self, kind: str, text: str) -> None:
        self._happenings.append(Happening(time(), kind, text))
