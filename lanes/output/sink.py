"""Sink: the interface behind which every kind of output stands; Outputs: all those of one source."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from types import TracebackType

from lanes.errors import OutputError
from lanes.results import FrameResult

_log = logging.getLogger(__name__)


class Policy(Enum):
    """What happens to a result when a sink is slower than the pipeline."""

    NEVER_LOSE = "never lose"
    """The pipeline waits: files."""

    NEVER_BLOCK = "never block"
    """The pipeline goes on, and the sink gets the newest result when it is ready: viewers and networks. See `NewestSink`."""


class Sink(ABC):
    """Takes results in order. Nothing lies under the output's own name until it is complete, or is playable as far as it goes.

    Construction raises `InputError` when the output cannot be written at all (exists, no such folder, not writable).
    `write` raises `OutputError` when it fails under way, as on a full disk; so does `close`, when all is put away that could be.

    Attributes:
        policy: what happens when it is slower than the pipeline.
        wants_undrawn: whether it takes the frame without the overlay (`FrameResult.undrawn`).
        dropped: results that it was given and has not written, because newer ones came before it was ready.
    """

    policy: Policy = Policy.NEVER_LOSE
    wants_undrawn: bool = False
    dropped: int = 0

    @abstractmethod
    def write(self, result: FrameResult) -> None:
        """Take a result. It may be kept only until this returns: the mask's memory is used again."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was written and give it its name. Safe to call twice, and after a failed `write`: what is good is kept."""

    def discard(self) -> None:
        """End without leaving anything behind: for a request refused before the first frame."""
        self.close()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Outputs:
    """All sinks of one source. Where one of them fails, a file's run ends; a live one goes on with the others, and fails at its end.

    Args:
        sinks: in the order in which they are written to; the caller closes them.
        live: whether the source is.
    """

    def __init__(self, sinks: Sequence[Sink], live: bool) -> None:
        self._sinks, self._live = sinks, live
        self._failure: OutputError | None = None

    def write(self, result: FrameResult) -> None:
        """Gives each sink the result. Raises OutputError where one fails, and the source is not live."""
        for sink in self._sinks:
            try:
                sink.write(result)
            except OutputError as error:
                if not self._live:
                    raise
                _log.warning("%s; frames are processed on", error)
                self._failure = self._failure or error

    def check(self) -> None:
        """Raises the OutputError of the first one that failed, where one has."""
        if self._failure is not None:
            raise self._failure
