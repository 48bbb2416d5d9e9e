"""Handover: in order, bounded, ended from either side, and what gives way when nothing may wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lanes.pipeline.handover import Closed, Handover


def test_all_items_are_handed_over_before_the_end() -> None:
    handover: Handover[int] = Handover(3)
    for item in range(3):
        handover.put(item)
    handover.finish()
    assert [handover.get() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(Closed):
        handover.get()


def test_iterating_ends_with_it() -> None:
    handover: Handover[int] = Handover(3, first=[7, 8])
    handover.finish()
    assert list(handover) == [7, 8]


@pytest.mark.parametrize("wait", [lambda full: full.put(2), lambda full: (full.get(), full.get())], ids=["put", "get"])
def test_whoever_waits_is_woken_when_it_is_aborted(wait: Callable[[Handover[int]], object]) -> None:
    full: Handover[int] = Handover(1, first=[1])
    woken = threading.Event()

    def run() -> None:
        with pytest.raises(Closed):
            wait(full)
        woken.set()

    thread = threading.Thread(target=run)
    thread.start()
    full.abort()
    assert woken.wait(5)
    thread.join()


def test_what_waits_is_lost_when_it_is_aborted() -> None:
    handover: Handover[int] = Handover(3, first=[1, 2])
    handover.abort()
    assert list(handover) == []
    with pytest.raises(Closed):
        handover.put(3)


def test_the_oldest_gives_way_where_nothing_may_wait() -> None:
    displaced: list[tuple[int, int]] = []
    handover: Handover[int] = Handover(2, lambda old, new: displaced.append((old, new)))
    for item in range(5):
        handover.put(item)
    handover.finish()
    assert displaced == [(0, 2), (1, 3), (2, 4)]
    assert list(handover) == [3, 4]
