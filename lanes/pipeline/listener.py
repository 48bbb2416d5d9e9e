"""Listener: is notified of what happens in a session between its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engines.engine import Engine
from lanes.capture.events import Event
from lanes.capture.source import Source
from lanes.errors import InputError, ProcessingError


class Listener:
    """Is notified of what happens between the results, in the thread that iterates (but for `source_event`). Each does nothing here."""

    def engine_opened(self, engine: Engine) -> None:
        """The engine is ready, and `engine.reason` says why it is this one."""

    def source_opened(self, source: Source) -> None:
        """A source is open and its outputs are: frames follow."""

    def source_event(self, source: Source, event: Event) -> None:
        """Something happened to a source, as its being lost or waited for; in a thread of the source's, also before it is open."""

    def source_finished(self, written: Sequence[tuple[str, Path]]) -> None:
        """A source has ended, and its outputs are complete: what was written, kind and path."""

    def source_failed(self, error: InputError | ProcessingError) -> None:
        """One of several sources could not be processed, or not to its end; the next one follows."""
