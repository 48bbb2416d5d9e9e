"""How far a build is, from TensorRT's own reports."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


class BuildProgress:
    """How far a build is, put together from TensorRT's nested phases.

    Args:
        show: called with the part done, 0 to 1 and never less than before, and the name of the phase under way.
    """

    def __init__(self, show: Callable[[float, str], None]) -> None:
        self._show = show
        self._phases: dict[str, tuple[str | None, int, int]] = {}  # name -> phase that it is a part of, steps, steps done
        self._shown = 0.0
        self.cancelled = False

    def phase_start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase of `steps` steps begins, within the current step of `parent`."""
        self._phases[name] = (parent, max(1, steps), 0)
        self._update(name)

    def step_complete(self, name: str, step: int) -> bool:
        """Step number `step`, from 0, is done. Returns whether to go on."""
        if name in self._phases:
            parent, steps, done = self._phases[name]
            self._phases[name] = (parent, steps, max(done, step + 1))
            self._update(name)
        return not self.cancelled

    def phase_finish(self, name: str) -> None:
        """A phase ends; it may end before all of its steps are done."""
        self._phases.pop(name, None)
        if not self._phases:
            self._shown = 1.0
        self._update(name)

    def _update(self, name: str) -> None:
        roots = [self._part(phase) for phase, (parent, _, _) in self._phases.items() if parent is None]
        self._shown = max(self._shown, min(1.0, sum(roots)))
        self._show(self._shown, name)

    def _part(self, name: str) -> float:
        _, steps, done = self._phases[name]
        inner = [self._part(phase) for phase, (parent, _, _) in self._phases.items() if parent == name]
        return min(1.0, (done + max(inner, default=0.0)) / steps)


def make_monitor(trt: ModuleType, progress: BuildProgress) -> Any:
    """A trt.IProgressMonitor that passes everything on to `progress`."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            progress.phase_start(name, parent, steps)

        def step_complete(self, name: str, step: int) -> bool:
            return progress.step_complete(name, step)

        def phase_finish(self, name: str) -> None:
            progress.phase_finish(name)

    return Monitor()
