"""How far a run is."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class RunProgress:
    """How far a run is, on stderr, where that is a terminal. It is drawn between queries, once a second: a thread that draws would take
    the processor from what is measured."""

    def __init__(self, name: str, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(name, total=1.0)
        self._drawn = 0.0

    def advance(self, share: float) -> None:
        """This share of the run is done, 0 to 1."""
        now = time.monotonic()
        if now - self._drawn >= 1:
            self._drawn = now
            self._progress.update(self._task, completed=share, refresh=True)

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
