"""Workers that are actors of a Ray cluster, https://docs.ray.io: of Ray's core; nothing of its data library is used."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lanes.archive.work import Died, Event, Finished, Ready, Refused, Result, Task, WorkerSettings
from lanes.archive.workers import Workers
from lanes.errors import InputError

PATIENCE_S = 10.0
"""How long the head of a cluster has to answer."""


@dataclass
class _Actor:
    """One actor. `reference`: what it answers next. `node`: where it runs, once it is ready."""

    handle: Any
    reference: Any
    node: str | None = None
    task: Task | None = None

    @property
    def is_free(self) -> bool:
        return self.node is not None and self.reference is None


class Cluster(Workers):
    """See above.

    Args:
        settings: of each worker. The paths in it, and those of the drives, must lead to the same files on every node.
        address: of a cluster that runs: `auto` for that of this machine, or `HOST:PORT`.
        count: how many workers there are; None for as many as the cluster has cores for.
        gpus: share of a GPU that each takes.

    Raises:
        InputError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, settings: WorkerSettings, address: str, count: int | None = None, gpus: float = 0.0) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its makers where nobody forbids it
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            ray: Any = import_module("ray")
        except ImportError:
            raise InputError("--address: Ray is not installed; pip install 'lanestream[ray]'") from None
        self._ray = ray
        self._settings = settings
        self._mine = not ray.is_initialized()
        if self._mine:
            _check_reachable(address)
            try:
                ray.init(address=address, log_to_driver=False, logging_level="error", configure_logging=False)
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = str(error).strip().splitlines()[0]
                raise InputError(f"--address {address}: no cluster answers ({reason}); start one with: ray start --head") from None
        if count is None:
            count = max(1, int(ray.cluster_resources().get("CPU", 1)) // settings.threads)
            if gpus:
                count = min(count, max(1, int(ray.cluster_resources().get("GPU", 0) / gpus)))
        self._kind = ray.remote(_Remote).options(
            num_cpus=settings.threads,  # which Ray makes OMP_NUM_THREADS, too
            num_gpus=gpus,
            max_restarts=0,  # a worker that died is made anew here, so that its drive is counted as tried
            scheduling_strategy="SPREAD",
        )
        self._actors = [self._start() for _ in range(count)]

    @property
    def free(self) -> int:
        return sum(actor.is_free for actor in self._actors)

    def submit(self, task: Task) -> None:
        actor = next(actor for actor in self._actors if actor.is_free)
        actor.task = task
        actor.reference = actor.handle.run.remote(task)

    def wait(self, timeout: float) -> list[Event]:
        waiting = {actor.reference: actor for actor in self._actors if actor.reference is not None}
        if not waiting:
            return []
        done, others = self._ray.wait(list(waiting), num_returns=1, timeout=timeout)
        if done and others:  # of a thousand workers, many have something to say
            done += self._ray.wait(others, num_returns=len(others), timeout=0)[0]
        return [event for reference in done for event in self._events(waiting[reference])]

    def _events(self, actor: _Actor) -> Iterator[Event]:
        reference, actor.reference = actor.reference, None
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._actors[self._actors.index(actor)] = self._start()
            with suppress(Exception):
                self._ray.kill(actor.handle)  # it may be out of reach only
            blameless = actor.node is None or not self._is_alive(actor.node)
            yield Died(actor.task, _cause(error), blameless)
            return
        if isinstance(answer, Result):
            task, actor.task = actor.task, None
            assert task is not None
            yield Finished(task, answer)
        elif isinstance(answer, str):
            yield Refused(answer)
        else:
            actor.node, facts = answer
            yield Ready(facts)

    def close(self) -> None:
        for actor in self._actors:
            with suppress(Exception):
                self._ray.kill(actor.handle)
        self._actors = []
        if self._mine:
            self._ray.shutdown()

    def _start(self) -> _Actor:
        handle = self._kind.remote(self._settings)
        return _Actor(handle, handle.open.remote())

    def _is_alive(self, node: str) -> bool:
        return any(found["NodeID"] == node and found["Alive"] for found in self._ray.nodes())


class _Remote:
    """The actor: a worker that is made by its first call, so that what is wrong with it is said as an answer."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings

    def open(self) -> tuple[str, dict[str, object]] | str:
        """The node that it runs on and the worker's facts, or why there can be none."""
        ray: Any = import_module("ray")
        from lanes.archive.worker import Worker

        try:
            self._worker = Worker(self._settings)
        except InputError as error:
            return str(error)
        return ray.get_runtime_context().get_node_id(), dict(self._worker.facts)

    def run(self, task: Task) -> Result:
        """See `Worker.run`."""
        return self._worker.run(task)


def _check_reachable(address: str) -> None:
    """Refuses an address where nobody listens, for which Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise InputError(f"--address {address}: no cluster answers ({error}); start one with: ray start --head") from None


def _cause(error: BaseException) -> str:
    """The first line that says something of an error of Ray's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"its worker is gone ({lines[0] if lines else type(error).__name__})"
