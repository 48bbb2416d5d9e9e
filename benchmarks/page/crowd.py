"""Viewers that come and go: `python -m benchmarks.page.crowd PORT COUNT`, in a process of its own that gives way to all others.

Each takes pictures for one to five seconds and goes, and another comes. One more reads a byte a second. Until stdin ends.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PATIENCE_S = 10.0


def main() -> int:
    """Watches until stdin ends."""
    port, count = (int(word) for word in sys.argv[1:3])
    if hasattr(os, "nice"):
        os.nice(19)  # viewers sit at machines of their own
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    asyncio.run(crowd(port, count))
    return 0


async def crowd(port: int, count: int) -> None:
    """So many viewers, and one that hardly reads, for ever."""
    await asyncio.gather(read_a_byte_a_second(port), *(come_and_go(port) for _ in range(count)))


async def come_and_go(port: int) -> None:
    """One viewer after the other."""
    import aiohttp

    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:
        while True:
            until = loop.time() + random.uniform(1.0, 5.0)
            with suppress(aiohttp.ClientError, asyncio.TimeoutError, TypeError):  # a close, where a message was expected
                async with session.ws_connect(f"http://127.0.0.1:{port}/live", max_msg_size=0) as connection:
                    while loop.time() < until:
                        if '"frame"' in await connection.receive_str(timeout=PATIENCE_S):
                            await connection.receive_bytes(timeout=PATIENCE_S)
                        await connection.send_str('{"painted":0}')
            await asyncio.sleep(random.uniform(0.0, 0.5))


async def read_a_byte_a_second(port: int) -> None:
    """A viewer of the stream whose link is as good as dead; put out, it comes again."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as connection, suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", port))
            await loop.sock_sendall(connection, b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while await loop.sock_recv(connection, 1):
                await asyncio.sleep(1.0)
        await asyncio.sleep(1.0)


@contextmanager
def watching(port: int, count: int) -> Iterator[None]:
    """So many viewers within the block."""
    command = [sys.executable, "-m", "benchmarks.page.crowd", str(port), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
