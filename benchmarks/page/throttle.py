"""A link to a server that carries so many bytes a second, as a phone's may: `throttled`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

PIECE = 4096
"""Bytes that are passed on at once; what waits in the link is hardly more."""


@contextmanager
def throttled(port: int, bytes_a_second: float) -> Iterator[int]:
    """Listens on this machine and passes connections on to a port of it; towards the client, no faster than that.

    Yields:
        The port to use instead.
    """
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)

        def accept() -> None:
            while not ended.is_set():
                with suppress(TimeoutError):
                    client, _ = listening.accept()
                    threading.Thread(target=_join, args=(client, port, bytes_a_second, ended), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def _join(client: socket.socket, port: int, bytes_a_second: float, ended: threading.Event) -> None:
    with client, socket.socket() as server, suppress(OSError):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.connect(("127.0.0.1", port))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_copy, args=(client, server), daemon=True)
        back.start()
        due = monotonic()
        while not ended.is_set() and (piece := server.recv(PIECE)):
            due = max(due, monotonic() - PIECE / bytes_a_second) + len(piece) / bytes_a_second
            ended.wait(max(0.0, due - monotonic()))
            client.sendall(piece)
        for each in (client, server):  # a close alone would wait for the thread that reads
            each.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
