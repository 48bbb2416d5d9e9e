"""Handover: how one stage's thread gives items to the next one's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The other side has gone: no more items will come, or none will be taken."""


class Handover(Generic[T]):
    """A bounded first-in-first-out buffer between two threads that either side can end at any moment.

    Args:
        depth: items that may wait.
        displace: what happens when it is full. None: `put` waits for it, nothing is lost. Else the oldest item gives way, and this
            is called with it and with the item that comes in, before anybody can take the latter.
        first: items that wait from the start.
    """

    def __init__(self, depth: int, displace: Callable[[T, T], None] | None = None, first: Iterable[T] = ()) -> None:
        self._items: deque[T] = deque(first)
        self._depth = depth
        self._displace = displace
        self._finished = False
        self._aborted = False
        self._change = threading.Condition()

    def put(self, item: T) -> None:
        """Adds an item. Raises Closed after `abort`."""
        with self._change:
            if self._displace is None:
                self._change.wait_for(lambda: len(self._items) < self._depth or self._aborted)
            if self._aborted:
                raise Closed
            if self._displace is not None and len(self._items) >= self._depth:
                self._displace(self._items.popleft(), item)
            self._items.append(item)
            self._change.notify_all()

    def __iter__(self) -> Iterator[T]:
        """The items as they come, until `finish` or `abort`."""
        while True:
            try:
                item = self.get()
            except Closed:
                return
            yield item

    def get(self) -> T:
        """Waits for an item. Raises Closed after `abort`, or when all items are taken after `finish`."""
        with self._change:
            self._change.wait_for(lambda: self._items or self._finished or self._aborted)
            if self._aborted or not self._items:
                raise Closed
            item = self._items.popleft()
            self._change.notify_all()
            return item

    def finish(self) -> None:
        """No more will be put; what waits can still be taken."""
        with self._change:
            self._finished = True
            self._change.notify_all()

    def abort(self) -> None:
        """Ends it at once; what waits is lost."""
        with self._change:
            self._aborted = True
            self._items.clear()
            self._change.notify_all()
