"""What a run tells those who watch it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lanes.archive.drive import Drive


@dataclass
class Tally:
    """What a run has done so far.

    Attributes:
        drives: how many there are to do. size: bytes of them.
        done, known, quarantined: drives: processed now; there before; given up now. known_bad: in quarantine from before.
        processed: bytes of the drives that have ended now.
        seconds, frames: of the video that was processed.
        causes: of those given up, how many by cause.
    """

    drives: int = 0
    size: int = 0
    done: int = 0
    known: int = 0
    known_bad: int = 0
    quarantined: int = 0
    processed: int = 0
    seconds: float = 0.0
    frames: int = 0
    causes: dict[str, int] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Drives of which nothing more is to be done."""
        return self.done + self.known + self.known_bad + self.quarantined


class Listener:
    """Is notified of a run. Each method does nothing here."""

    def progress(self, tally: Tally) -> None:
        """Something has happened, or for half a second nothing has."""

    def given_up(self, drive: Drive, cause: str) -> None:
        """A drive has gone into quarantine."""

    def writing(self, parts: int) -> None:
        """All drives have ended, and so many parts of the tables are to be written."""
