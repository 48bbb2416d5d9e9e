"""Events of a source: what happens to it between its frames, typed, for a log, a page or a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lanes.capture.source import SourceInfo


LossKind = Literal["unreachable", "ended", "stalled", "failed"]
"""How a source went: it could not be opened; the other side ended it; it sent nothing; reading it failed."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a source. No event carries a credential."""


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """The source is open: the first event of every source that could be opened, but for one that had to be waited for (`Lost`)."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class Lost(Event):
    """The source stopped sending, or is not there yet, and is waited for; `cause` is a sentence for a person, `kind` for a program."""

    cause: str
    kind: LossKind = "failed"


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """A source that was lost sends again, `outage_s` seconds after its last frame. The next frame, if not the first, has `cut=True`."""

    outage_s: float


@dataclass(frozen=True, slots=True)
class FormatChanged(Event):
    """The facts of a source changed under way, as its size. The first frame with the new facts has `cut=True`."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class Frozen(Event):
    """The source has sent the same frame for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Black(Event):
    """The source has sent black frames for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PictureBack(Event):
    """The picture of a source that was frozen or black for `seconds` moves again. The next frame has `cut=True`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """What the user should know and need not act on, in one line: a camera's format, sound that is left out."""

    message: str
