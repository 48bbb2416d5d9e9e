"""A run with its page, and the times of each of its frames."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, perf_counter_ns, sleep

from benchmarks.page.camera import camera
from lanes.errors import ProcessingError
from lanes.session import Session
from lanes.settings import Settings

STARTING_S = 60.0


@dataclass
class MeasuredRun:
    """A run that goes on.

    Attributes:
        port: of its page.
        total_ms, age_ms: of each frame so far: from in memory, and from arrival, to drawn.
    """

    port: int
    total_ms: list[float] = field(default_factory=list)
    age_ms: list[float] = field(default_factory=list)

    def of_the_next(self, seconds: float) -> tuple[list[float], list[float]]:
        """`total_ms` and `age_ms` of the frames of the next seconds."""
        first = len(self.total_ms)
        sleep(seconds)
        last = len(self.age_ms)
        return self.total_ms[first:last], self.age_ms[first:last]


@contextmanager
def measured_run(rate: float, engine: str, precision: str) -> Iterator[MeasuredRun]:
    """A camera of so many images of 1280x720 a second, and a run that shows them on a page of this machine.

    Raises:
        InputError, ProcessingError: it does not begin.
    """
    with camera(rate) as address:
        port = free_port()
        session = Session(Settings(source=address, output="none", serve=f"127.0.0.1:{port}", engine=engine, precision=precision))
        run, failures = MeasuredRun(port), list[BaseException]()

        def carry_out() -> None:
            try:
                for result in session.results():
                    now = perf_counter_ns()
                    run.total_ms.append(result.latency_ms["total"])
                    run.age_ms.append((now - (result.frame.arrived_ns or now)) / 1e6)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=carry_out)
        thread.start()
        try:
            deadline = monotonic() + STARTING_S
            while len(run.age_ms) < 2 * rate:  # two seconds for caches and clocks to settle
                if failures:
                    raise failures[0]
                if monotonic() > deadline:
                    raise ProcessingError("the run gives no frames; free the processor and try again")
                sleep(0.05)
            yield run
        finally:
            session.stop()
            thread.join()


def free_port() -> int:
    """A TCP port of this machine that nobody listens at."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
