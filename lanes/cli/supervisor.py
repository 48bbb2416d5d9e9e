"""Supervisor: looks whether a stage of the run is stuck, and tells systemd how it goes."""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType

from lanes.capture.events import Event, Lost, Resumed
from lanes.cli.streams import printable, release_stuck_streams
from lanes.cli.systemd import Notifier
from lanes.errors import StalledError
from lanes.session import Session
from lanes.telemetry.busy import Work
from lanes.telemetry.stages import Stage

LOOK_S = 1.0
"""Seconds from look to look."""

STATUS_S = 5.0
"""Seconds from status to status."""

GRACE_S = 10.0
"""Seconds for a run with a stage that is stuck to close its outputs. Then the process ends as it is."""

_log = logging.getLogger(__name__)


class Watchdog:
    """Notices a stage that stays at one frame.

    Looks are counted, not seconds, so that a process that was stopped (Ctrl-Z, a debugger) has no stage that is stuck when it goes on.

    Args:
        limit_s: seconds at one frame that are too many; 0 for none.
        look_s: seconds from look to look.
    """

    def __init__(self, limit_s: float, look_s: float = LOOK_S) -> None:
        self._limit_s, self._look_s = limit_s, look_s
        self._looks: dict[tuple[Stage, Work], int] = {}

    def look(self, works: Mapping[Stage, Work]) -> StalledError | None:
        """One look at the stages that are at work; an error that names the one that is stuck."""
        self._looks = {work: self._looks.get(work, -1) + 1 for work in works.items()}
        for (stage, work), looks in self._looks.items():
            seconds = looks * self._look_s
            if 0 < self._limit_s <= seconds:
                place = work.place()
                return StalledError(
                    f"the stage {stage!r} has been busy with one frame for {seconds:.0f} s{f' (at {place})' if place else ''}; "
                    "the run ends, and what was finished is kept"
                )
        return None


class Supervisor:
    """Watches a run within a `with` block, from a thread of its own.

    When a stage of a live source is stuck, the run is ended with an error that names it. If it has not ended 10 s later, as when the
    output itself is stuck, the process ends as it is, with status 1.

    Args:
        session: the run.
        limit_s: seconds at one frame that are too many for a stage; 0 for none.
        notifier: of systemd.
    """

    def __init__(self, session: Session, limit_s: float, notifier: Notifier | None = None) -> None:
        self._session = session
        self._notifier = notifier or Notifier()
        watched_s = self._notifier.watchdog_s
        self._look_s = LOOK_S if watched_s is None else min(LOOK_S, watched_s / 2)
        self._watchdog = Watchdog(limit_s, self._look_s)
        self._waiting = ""
        self._ready = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lanestream-supervisor", daemon=True)

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self.stopping()

    def ready(self) -> None:
        """The engine is open: from here on the run does what it is there for, or waits for its source."""
        if not self._ready.is_set():
            self._ready.set()
            self._notifier.send("READY=1", f"STATUS={self._status()}")

    def stopping(self) -> None:
        """The run is to end."""
        self._notifier.send("STOPPING=1", "STATUS=ending")

    def source_event(self, event: Event) -> None:
        """Something happened to the source."""
        if isinstance(event, Lost):
            self._waiting = event.cause
        elif isinstance(event, Resumed):
            self._waiting = ""

    def _run(self) -> None:
        status_due = monotonic() + STATUS_S
        while not self._over.wait(self._look_s):
            stalled = self._watchdog.look(self._session.telemetry.busy.now() if self._session.live else {})
            if stalled is not None:
                self._end(stalled)
                return
            if self._notifier.watchdog_s is not None:
                self._notifier.send("WATCHDOG=1")
            if self._ready.is_set() and monotonic() >= status_due:
                status_due = monotonic() + STATUS_S
                self._notifier.send(f"STATUS={self._status()}")

    def _end(self, stalled: StalledError) -> None:
        # In C, so that neither a lock nor the interpreter's end keeps it from ending the process.
        faulthandler.dump_traceback_later(GRACE_S, exit=True, file=Path(os.devnull).open("w"))  # noqa: SIM115 - open until then
        release_stuck_streams()  # it may be the reader of our messages that holds the output up
        _log.error("%s", stalled)
        self._notifier.send(f"STATUS={printable(str(stalled))}")
        self._session.fail(stalled)

    def _status(self) -> str:
        if self._waiting:
            return printable(f"waiting: {self._waiting}")
        counts, fps = self._session.telemetry.counts(), self._session.telemetry.recent_fps()
        return f"{fps or 0:.1f} frames a second; {counts.processed} processed, {sum(counts.dropped.values())} dropped"
