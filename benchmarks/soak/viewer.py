"""A viewer of the page, in a thread: it takes each picture as the page in a browser does, and says that it is painted."""

from __future__ import annotations

import asyncio
import json
import threading
from time import monotonic, sleep

from lanes.errors import ProcessingError

PATIENCE_S = 60.0
"""Seconds without a message, of which a page that has nothing new sends two a second."""


class Viewer:
    """Watches within a `with` block.

    Args:
        port: of the page on this machine.

    Attributes:
        pictures: so far, each with when it came, in seconds of `time.monotonic`, and how old it was when it was sent, milliseconds.
    """

    def __init__(self, port: int) -> None:
        self.pictures: list[tuple[float, float]] = []
        self._port = port
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Viewer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE_S)

    def check(self) -> None:
        """Raises ProcessingError when the page has gone."""
        if self._failure is not None:
            raise ProcessingError(f"the page's viewer was put out: {self._failure!r}")

    def wait_for(self, pictures: int, seconds: float) -> None:
        """Waits until so many have come. Raises ProcessingError where they do not in so many seconds."""
        deadline = monotonic() + seconds
        while len(self.pictures) < pictures:
            self.check()
            if monotonic() > deadline:
                raise ProcessingError(f"the page shows {len(self.pictures)} pictures in {seconds:.0f} s; free the processor and try again")
            sleep(0.05)

    def first_after(self, moment: float) -> float | None:
        """When the first picture came after a moment, both in seconds of `time.monotonic`; None where none did."""
        return next((came for came, _ in self.pictures if came > moment), None)

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except Exception as error:
            self._failure = error

    async def _watch(self) -> None:
        import aiohttp

        address = f"http://127.0.0.1:{self._port}/live"
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as connection:
            while not self._over.is_set():
                message = json.loads(await connection.receive_str(timeout=PATIENCE_S))
                if "frame" in message:
                    await connection.receive_bytes(timeout=PATIENCE_S)
                    self.pictures.append((monotonic(), message["clock"]["sent"] - message["frame"]["taken"]))
                await connection.send_str('{"painted":0}')
