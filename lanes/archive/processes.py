"""Workers that are processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from lanes.archive.work import Died, Event, Finished, Ready, Refused, Result, Task, WorkerSettings
from lanes.archive.workers import Workers
from lanes.errors import InputError

PATIENCE_S = 5.0
"""How long a worker that is asked to end is waited for."""

# Libraries that calculate read these once, when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class _Worker:
    """One process, and what it does."""

    def __init__(self, settings: WorkerSettings, gpu: str | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_work, args=(settings, theirs), name="lanestream-worker", daemon=True)
        with _environment(settings.threads, gpu):
            self.process.start()
        theirs.close()
        self.gpu = gpu
        self.ready = False
        self.task: Task | None = None

    def end(self) -> None:
        """Ends it, whatever it does."""
        self.process.kill()
        self.process.join(PATIENCE_S)
        self.connection.close()


class Processes(Workers):
    """See above.

    Args:
        settings: of each worker.
        count: how many there are.
        gpus: share of a GPU that each takes; with 0 each sees them all.
    """

    def __init__(self, settings: WorkerSettings, count: int, gpus: float = 0.0) -> None:
        self._settings = settings
        self._workers: list[_Worker] = []
        try:
            for index in range(count):
                self._workers.append(_Worker(settings, str(int(index * gpus)) if gpus else None))
        except BaseException:
            self.close()
            raise

    @property
    def pids(self) -> list[int]:
        """The processes' ids."""
        return [worker.process.pid or 0 for worker in self._workers]

    @property
    def free(self) -> int:
        return sum(worker.ready and worker.task is None for worker in self._workers)

    def submit(self, task: Task) -> None:
        worker = next(worker for worker in self._workers if worker.ready and worker.task is None)
        worker.task = task
        with suppress(OSError):  # it has died, which `wait` finds
            worker.connection.send(task)

    def wait(self, timeout: float) -> list[Event]:
        by_handle = {handle: worker for worker in self._workers for handle in (worker.connection, worker.process.sentinel)}
        changed = dict.fromkeys(by_handle[handle] for handle in wait(list(by_handle), timeout))  # type: ignore[index]
        return [event for worker in changed for event in self._events(worker)]

    def _events(self, worker: _Worker) -> Iterator[Event]:
        try:
            while worker.connection.poll():
                message = worker.connection.recv()
                if isinstance(message, Result):
                    task, worker.task = worker.task, None
                    assert task is not None
                    yield Finished(task, message)
                else:
                    worker.ready = isinstance(message, Ready)
                    yield message
            return
        except (EOFError, OSError):
            pass  # it has died: what of, its exit status says
        worker.process.join(PATIENCE_S)
        code = worker.process.exitcode
        worker.end()
        self._workers[self._workers.index(worker)] = _Worker(self._settings, worker.gpu)
        yield Died(worker.task, death(code))

    def close(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []


def death(code: int | None) -> str:
    """In words, why a worker's process ended with this exit status."""
    from lanes.archive.worker import EXIT_STUCK, STUCK_S

    if code == EXIT_STUCK:
        return f"a frame took more than {STUCK_S:.0f} s"
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"its worker was killed ({name})" + (": out of memory?" if name == "SIGKILL" else "")
    return f"its worker ended with status {code}"


@contextmanager
def _environment(threads: int, gpu: str | None) -> Iterator[None]:
    """Within the block, processes that are started get these threads and this GPU, and no Ctrl-C."""
    values = dict.fromkeys(_THREADS, str(threads)) | ({"CUDA_VISIBLE_DEVICES": gpu} if gpu is not None else {})
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    masking = hasattr(signal, "pthread_sigmask")
    if masking:  # Ctrl-C goes to all of them, and what it means is up to the head
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        if masking:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(settings: WorkerSettings, connection: Connection) -> None:
    """A worker's process: takes tasks until the head closes the connection, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from lanes.archive.worker import Worker

    try:
        worker = Worker(settings)
    except InputError as error:
        connection.send(Refused(str(error)))
        return
    connection.send(Ready(worker.facts))
    with suppress(EOFError, OSError):
        while True:
            connection.send(worker.run(connection.recv()))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
