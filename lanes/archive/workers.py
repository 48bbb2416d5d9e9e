"""Workers: a number of workers behind one interface, whether they are processes of this machine or actors of a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType

from lanes.archive.work import Event, Task


class Workers(ABC):
    """A number of workers, each of which does one task at a time. One that dies is replaced."""

    @property
    @abstractmethod
    def free(self) -> int:
        """How many could begin a task now."""

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Gives a task to a worker that is free; there must be one."""

    @abstractmethod
    def wait(self, timeout: float) -> list[Event]:
        """What has happened since the last call; waits for something to happen, so many seconds at most."""

    @abstractmethod
    def close(self) -> None:
        """Ends the workers; what they have under way is given up. May be called more than once."""

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
