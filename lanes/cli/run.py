"""One call of the program: a session, with its progress, its messages and its exit status."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Thread

from rich.console import Console

from engines.engine import Engine
from lanes.capture.events import Event
from lanes.capture.source import Source
from lanes.cli.console import ProgressBar, counted, latency_table, summary_line
from lanes.cli.events import log_event
from lanes.cli.signals import calling
from lanes.cli.supervisor import Supervisor
from lanes.errors import INTERRUPTED, InputError, ProcessingError
from lanes.pipeline.listener import Listener
from lanes.results import FrameResult
from lanes.session import Session
from lanes.settings import Settings

_log = logging.getLogger(__name__)


class Progress(Listener):
    """Shows a bar a source, and says what happens between them."""

    def __init__(self, console: Console, settings: Settings) -> None:
        self._console = console
        self._shown = not settings.no_progress
        self._bar: ProgressBar | None = None
        self.supervisor: Supervisor | None = None

    def engine_opened(self, engine: Engine) -> None:
        _log.info("%s", engine.reason)
        if self.supervisor is not None:
            self.supervisor.ready()

    def source_opened(self, source: Source) -> None:
        self._bar = ProgressBar(self._console, source.info.name, source.info.frames, self._shown)
        self._bar.__enter__()

    def source_event(self, source: Source, event: Event) -> None:
        log_event(source.name, event)
        if self.supervisor is not None:
            self.supervisor.source_event(event)

    def source_finished(self, written: Sequence[tuple[str, Path]]) -> None:
        self.close()
        if written:
            _log.info("%s", ", ".join(f"{kind}: {path}" for kind, path in written))

    def source_failed(self, error: InputError | ProcessingError) -> None:
        self.close()
        _log.error("%s; skipped" if isinstance(error, InputError) else "%s", error)

    def advance(self, result: FrameResult, fps: float | None) -> None:
        """One more frame is done."""
        if self._bar is not None:
            self._bar.advance(result, fps)

    def close(self) -> None:
        """Takes the bar away, where there is one."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def run(settings: Settings, console: Console) -> int:
    """Carries out a request and returns the exit status.

    Raises:
        InputError: it cannot be carried out; nothing is left behind under an output's name.
        ProcessingError: it failed under way; what was finished is kept.
    """
    progress = Progress(console, settings)
    session = Session(settings, progress)
    supervisor = progress.supervisor = Supervisor(session, settings.watchdog)

    def stop() -> None:
        supervisor.stopping()
        session.stop()

    try:
        # In a thread of its own, since a signal may come while this one holds the locks that stopping takes.
        with supervisor, calling(lambda: Thread(target=stop, daemon=True).start()), closing(session.results()) as results:
            for result in results:
                progress.advance(result, session.telemetry.recent_fps())
    finally:
        progress.close()
        report = session.report()
        if report is not None:
            console.print(latency_table(report.figures))
            _log.info("%s", summary_line(report))
    if session.stopped:
        _log.warning("interrupted after %s; what was finished is kept", counted(session.telemetry.processed))
        return INTERRUPTED
    if session.refused == session.sources:
        return 2
    return int(bool(session.failed or session.refused))
