"""Viewers: each gets one picture, and the next one when that is painted. A slow one gets fewer, never older ones."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import WSMessage, WSMsgType, web

from lanes.serve.pictures import Newest, Picture
from lanes.serve.status import Status, clock_ms
from lanes.telemetry.buckets import Buckets
from lanes.telemetry.metrics import ViewerCounts

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout  # which aiohttp brings there

MOST_VIEWERS = 20

PATIENCE_S = 30.0
"""Seconds for a viewer to take a picture, after which it is disconnected. A page whose tab is hidden leaves by itself."""

TICK_S = 0.5
"""Seconds between messages while there is no new picture: the figures go on, and so does the word that all is alive."""

LONGEST_MESSAGE = 1024
"""Bytes that a viewer may send at once."""

PART = "frame"

_LEAST_UNSENT = 16 << 10


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A viewer has painted what it was sent.

    Attributes:
        at: when it said so, by a clock of its own, milliseconds; it gets it back.
        received: the same by the server's clock.
    """

    at: float
    received: float


class Viewers:
    """All who watch.

    Args:
        newest: the newest picture.
        status: what is shown beside it.
        executor: where pictures are encoded.
    """

    def __init__(self, newest: Newest, status: Status, executor: Executor) -> None:
        self._newest, self._status, self._executor = newest, status, executor
        self._ages = Buckets()
        self._sockets: set[web.WebSocketResponse] = set()
        self.count = 0
        self._dropped = 0

    def counts(self) -> ViewerCounts:
        """Who watches."""
        return ViewerCounts(self.count, self._dropped, self._ages.copy())

    async def page(self, request: web.Request) -> web.StreamResponse:
        """A page: messages as JSON, each followed by the picture where it names one; one in flight."""
        async with self._place():
            viewer = web.WebSocketResponse(compress=False, max_msg_size=LONGEST_MESSAGE, timeout=2.0)
            await viewer.prepare(request)
            self._sockets.add(viewer)
            try:
                with suppress(asyncio.TimeoutError, ConnectionError):
                    await self._show(viewer)
            finally:
                self._sockets.discard(viewer)
                if viewer.prepared and not viewer.closed and request.transport is not None and request.transport.get_write_buffer_size():
                    request.transport.abort()  # it takes nothing more, not even a goodbye
            return viewer

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Motion JPEG, for programs that know nothing else."""
        async with self._place():
            response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace; boundary={PART}"})
            await response.prepare(request)
            if request.transport is not None:
                _hold_nothing_back(request.transport)
            number = 0
            with suppress(asyncio.TimeoutError, ConnectionError):
                while request.transport is not None and not request.transport.is_closing():
                    picture = await self._newest.after(number, TICK_S)
                    if picture is None:
                        continue
                    number = self._skip_to(picture, number)
                    jpeg = await picture.jpeg(self._executor)
                    head = f"--{PART}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                    await asyncio.wait_for(response.write(head + jpeg + b"\r\n"), PATIENCE_S)
            if request.transport is not None:
                request.transport.abort()
            return response

    async def close(self) -> None:
        """Tells every page that the run is over."""
        goodbyes = [viewer.close(code=1001, message=b"the run has ended") for viewer in self._sockets]
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*goodbyes, return_exceptions=True), 1.0)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self.count >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_VIEWERS} viewers watch already\n", headers={"Retry-After": "10"})
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    async def _show(self, viewer: web.WebSocketResponse) -> None:
        number, last_bin, said = 0, 0, ""
        last: Acknowledgement | None = None
        while not viewer.closed:
            picture = await self._newest.after(number, TICK_S)
            parts = []
            jpeg = None
            if picture is not None:
                number = self._skip_to(picture, number)
                jpeg = await picture.jpeg(self._executor)
                parts.append(f'"frame":{self._status.frame(picture)}')
            status = self._status.status()
            if status is not said:
                last_bin, bins = self._status.bins(last_bin)
                parts.append(f'"status":{status},"history":{bins}')
                said = status
            echo = {"sent": clock_ms()} if last is None else {"at": last.at, "received": last.received, "sent": clock_ms()}
            async with timeout(PATIENCE_S):  # one for all three: `wait_for` makes a task of each, for each viewer and picture
                await viewer.send_str(f'{{{",".join([*parts, ""])}"clock":{json.dumps(echo)}}}')
                if jpeg is not None:
                    await viewer.send_bytes(jpeg)
                last = _acknowledgement(await viewer.receive())
            if last is None:
                await viewer.close()
                return
            if picture is not None:
                self._ages.add(max(0.0, last.received - picture.taken_ns / 1e6))

    def _skip_to(self, picture: Picture, number: int) -> int:
        """Counts the pictures between, which this viewer is not sent."""
        if number:
            self._dropped += picture.number - number - 1
        return picture.number


def _acknowledgement(message: WSMessage) -> Acknowledgement | None:
    """What a viewer says; None when it has gone, or says what no page of ours does."""
    received = clock_ms()
    if message.type is not WSMsgType.TEXT:
        return None
    try:
        at = json.loads(message.data)["painted"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Acknowledgement(float(at), received) if isinstance(at, int | float) and abs(at) < 1e15 else None


def _hold_nothing_back(transport: asyncio.Transport) -> None:
    """Without acknowledgements, what waits in buffers is what the viewer is behind: let none of it wait on this machine."""
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _LEAST_UNSENT)
