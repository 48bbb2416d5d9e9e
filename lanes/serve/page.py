"""PageSink: the run as a web page, in threads of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from lanes.errors import InputError
from lanes.output.sink import Policy, Sink
from lanes.results import FrameResult
from lanes.serve.address import Address
from lanes.telemetry.state import RunState
from lanes.telemetry.telemetry import Telemetry

PACKAGES = ("aiohttp", "prometheus_client")

EVERYWHERE = ("0.0.0.0", "::")

STALLED_S = 10.0
"""Seconds without a frame of a source that sends, after which the run is not healthy."""

NICENESS = 5
"""Of the encoder's thread, above the run's, where the system knows that of threads: it must not hold up inference. The server's own thread
has the run's: one that gives way while it holds the interpreter keeps the stages of the run from it, until the engine leaves it a core."""

SWITCH_S = 0.001
"""Seconds that a stage waits for the interpreter at the most while the server has it; by default 5 ms, a sixth of a frame's whole way. Ten
viewers are served at once when there is a new picture."""

_END_S = 5.0

_log = logging.getLogger(__name__)


class PageSink(Sink):
    """Serves a run from its construction to `close`. `write` returns at once; what viewers do never holds up the run.

    Args:
        address: where.
        telemetry: counts and times of the run.
        state: what else is known of it.
        quiet: no messages are wanted, so that a token that was made up could not be told to anybody.
        mark: keeps this moment, for a reason; None where that is not possible.
        clips: the recordings of events, the newest first; None where none are made.

    Raises:
        InputError: there cannot be listened, or packages are missing.

    Attributes:
        url: of the page.
    """

    policy = Policy.NEVER_BLOCK

    def __init__(
        self,
        address: Address,
        telemetry: Telemetry,
        state: RunState,
        *,
        quiet: bool = False,
        mark: Callable[[str], None] | None = None,
        clips: Callable[[], Sequence[Path]] | None = None,
    ) -> None:
        if missing := [name for name in PACKAGES if find_spec(name) is None]:
            raise InputError(f"--serve needs packages that are not installed ({', '.join(missing)}): pip install 'lanestream[serve]'")
        from lanes import __version__
        from lanes.serve.access import TOKEN_VARIABLE, Access
        from lanes.serve.pictures import Newest
        from lanes.serve.server import listen, make_application
        from lanes.serve.status import Status, health
        from lanes.serve.viewers import Viewers
        from lanes.telemetry.metrics import RunMetrics

        access = Access(address)
        if access.made and quiet:
            raise InputError(f"{address}: who looks from elsewhere needs a token, which --quiet would not show; set {TOKEN_VARIABLE}")
        self._state = state
        self._loop = asyncio.new_event_loop()
        self._executor = ThreadPoolExecutor(1, "lanestream-page-jpeg", initializer=_give_way)
        self._newest = Newest(self._loop)
        status = Status(telemetry, state, lambda: self.viewers.count, clips, mark is not None)
        self.viewers = Viewers(self._newest, status, self._executor)
        metrics = RunMetrics(telemetry, state, __version__, self.viewers.counts)
        application = make_application(
            *(access, self._newest, self.viewers, self._executor),
            metrics=metrics.text,
            health=lambda: health(telemetry, state, STALLED_S),
            mark=self._marking(mark),
            clips=clips,
        )
        self._closed = False
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH_S, self._switch_s))
        self._thread = threading.Thread(target=self._run, name="lanestream-page", daemon=True)
        self._thread.start()
        opening = asyncio.run_coroutine_threadsafe(listen(application, address.host, address.port), self._loop)
        try:
            self._listening = opening.result()
        except (OSError, UnicodeError) as error:
            self._end()
            number = getattr(error, "errno", None) or 0
            reason = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or error
            raise InputError(f"{address}: cannot be served there ({reason}); give another host or port") from None
        hosts = [address.host]
        if address.host in EVERYWHERE:  # a name is no use where nobody looks names up, as on a phone in a car
            hosts = [*own_addresses(socket.AF_INET6 if address.host == "::" else socket.AF_INET), socket.gethostname()]
        urls = [f"http://{Address(host, self._listening.port)}/" for host in hosts]
        self.url = urls[0]
        _log.info("page: %s", ", ".join(urls))
        if access.made:
            _log.warning("the page's token, for this run: %s (set %s to choose one)", access.token, TOKEN_VARIABLE)

    def write(self, result: FrameResult) -> None:
        if not self._closed:
            self._newest.put(result)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.dropped = self.viewers.counts().dropped
        ending = asyncio.run_coroutine_threadsafe(self._finish(), self._loop)
        with suppress(FutureTimeoutError, RuntimeError):
            ending.result(_END_S)
        self._end()

    async def _finish(self) -> None:
        await self.viewers.close()
        await self._listening.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _end(self) -> None:
        sys.setswitchinterval(self._switch_s)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_S)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _marking(self, mark: Callable[[str], None] | None) -> Callable[[str], None] | None:
        if mark is None:
            return None

        def marking(reason: str) -> None:
            mark(reason)
            self._state.mark(f"marked on the {reason}")

        return marking


def own_addresses(family: socket.AddressFamily) -> list[str]:
    """The IP addresses by which other machines may reach this one; empty where the system does not say."""
    import psutil

    try:
        cards = psutil.net_if_addrs().values()
    except OSError:
        return []
    found = []
    for text in (each.address for card in cards for each in card if each.family == family):
        with suppress(ValueError):  # one with a zone
            ip = ip_address(text)
            found += [] if ip.is_loopback or ip.is_link_local else [text]
    return found


def _give_way() -> None:
    """Lets the run's threads go before this one. On Linux a thread has a niceness of its own."""
    if hasattr(os, "setpriority") and Path("/proc/self/task").exists():
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
