"""Sink: the interface behind which every kind of output stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType

from lanes.results import FrameResult


class Sink(ABC):
    """Takes results in order. Nothing lies under the output's own name until it is complete, or is playable as far as it goes.

    Construction raises `InputError` when the output cannot be written at all (exists, no such folder, not writable).
    `write` raises `ProcessingError` when it fails under way, as on a full disk.
    """

    @abstractmethod
    def write(self, result: FrameResult) -> None: ...

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
