"""Pictures: the newest drawn frame, encoded once for all who want it, and not at all while nobody does."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from time import perf_counter_ns

import cv2

from lanes.arrays import BGRImage
from lanes.results import FrameResult

WIDEST = 960
"""Pixels; wider frames are scaled down for the page: as wide as its picture in most windows, and half the bytes of 1280 on a slow link."""

QUALITY, SNAPSHOT_QUALITY = 75, 92


class Picture:
    """One drawn frame.

    Attributes:
        number: of the picture, from 1; every frame that the run finishes has one.
        result: of the pipeline. Its mask's memory is used again; its pixels belong to whoever holds it.
        taken_ns: when the frame arrived, or was in memory where it is not live, by `perf_counter_ns`.
    """

    __slots__ = ("_encoding", "_full_size", "number", "result", "taken_ns")

    def __init__(self, number: int, result: FrameResult) -> None:
        self.number, self.result = number, result
        in_memory_ns = perf_counter_ns() - round(result.latency_ms.get("total", 0.0) * 1e6)
        self.taken_ns = result.frame.arrived_ns or in_memory_ns
        self._encoding: asyncio.Future[bytes] | None = None
        self._full_size: asyncio.Future[bytes] | None = None

    async def jpeg(self, executor: Executor) -> bytes:
        """As JPEG; whoever asks first has it encoded, in the executor."""
        if self._encoding is None:
            self._encoding = asyncio.get_running_loop().run_in_executor(executor, encode, self.result.frame.pixels)
        return await asyncio.shield(self._encoding)

    async def full_size(self, executor: Executor) -> bytes:
        """The same, as large as the frame and finer."""
        if self._full_size is None:
            pixels = self.result.frame.pixels
            self._full_size = asyncio.get_running_loop().run_in_executor(executor, encode, pixels, pixels.shape[1], SNAPSHOT_QUALITY)
        return await asyncio.shield(self._full_size)


class Newest:
    """The newest picture, put by the pipeline and taken in the server's event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.picture: Picture | None = None
        self._numbers = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def put(self, result: FrameResult) -> None:
        """From the pipeline's thread; returns at once."""
        self._numbers += 1
        self.picture = Picture(self._numbers, result)
        if self._waiting:
            self._loop.call_soon_threadsafe(self._wake)

    async def after(self, number: int, timeout: float) -> Picture | None:
        """The newest picture, if it is later than the one of this number, or as soon as there is one; None after so many seconds."""
        deadline = self._loop.time() + timeout
        while True:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiting.add(waiter)  # before the look: the next one may come at any moment
            try:
                newest = self.picture
                if newest is not None and newest.number > number:
                    return newest
                done, _ = await asyncio.wait({waiter}, timeout=deadline - self._loop.time())
                if not done:
                    return None
            finally:
                self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)


def encode(pixels: BGRImage, widest: int = WIDEST, quality: int = QUALITY) -> bytes:
    """A frame as JPEG, no wider than `widest` pixels."""
    height, width = pixels.shape[:2]
    if width > widest:
        pixels = cv2.resize(pixels, (widest, max(1, round(height * widest / width))), interpolation=cv2.INTER_AREA).astype(
            "uint8", copy=False
        )
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()
