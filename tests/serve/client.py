"""A viewer without a browser: HTTP as it stands on the wire, and the page's WebSocket."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

TIMEOUT_S = 60


def ask(port: int, path: str, method: str = "GET", body: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body. Headers are given with underscores; `host` replaces what is usual."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-").title(), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if body is not None else None)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def send_raw(port: int, data: bytes) -> bytes:
    """What comes back for these bytes until the server closes; empty where it only closes."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        try:
            connection.sendall(data)
            return connection.makefile("rb").read()
        except (ConnectionResetError, BrokenPipeError):
            return b""


class Viewer:
    """The page's side of the connection."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection

    async def next(self) -> tuple[dict[str, Any], bytes | None]:
        """A message, and the picture where it names one."""
        message = json.loads(await asyncio.wait_for(self._connection.receive_str(), TIMEOUT_S))
        return message, await asyncio.wait_for(self._connection.receive_bytes(), TIMEOUT_S) if "frame" in message else None

    async def painted(self, at: float = 0.0) -> None:
        await self._connection.send_json({"painted": at})

    async def picture(self) -> tuple[dict[str, Any], bytes]:
        """The next message that has a picture; those before it are acknowledged, and it is not."""
        while True:
            message, jpeg = await self.next()
            if jpeg is not None:
                return message, jpeg
            await self.painted()


def watch(port: int, work: Callable[[Viewer], Coroutine[Any, Any, None]], **headers: str) -> None:
    """Does the work with a viewer."""

    async def connect() -> None:
        address = f"http://127.0.0.1:{port}/live"
        async with aiohttp.ClientSession(headers=headers) as session, session.ws_connect(address, max_msg_size=0) as connection:
            await asyncio.wait_for(work(Viewer(connection)), TIMEOUT_S)

    asyncio.run(connect())
