"""benchmarks.page: a link is as slow as it says, and what passes is what should."""

from __future__ import annotations

import socket
import threading
from contextlib import nullcontext
from time import monotonic

import pytest

from benchmarks.page import parts
from benchmarks.page.command import parse, rows
from benchmarks.page.measured import MeasuredRun
from benchmarks.page.throttle import throttled


def test_a_link_carries_no_more_bytes_a_second_and_all_of_them() -> None:
    data = bytes(range(256)) * 200
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(100) == b"please"
                connection.sendall(data)

        thread = threading.Thread(target=answer)
        thread.start()
        with throttled(server.getsockname()[1], 100_000) as port, socket.create_connection(("127.0.0.1", port), 60) as client:
            begun = monotonic()
            client.sendall(b"please")
            assert client.makefile("rb").read() == data
            assert monotonic() - begun > 0.8 * len(data) / 100_000
        thread.join()


class Rounds(MeasuredRun):
    """A run whose frames take so many milliseconds in each round."""

    def __init__(self, *times: float) -> None:
        super().__init__(port=0)
        self.times = iter(times)

    def of_the_next(self, seconds: float) -> tuple[list[float], list[float]]:
        time = next(self.times)
        return [time] * int(seconds), [2 * time] * int(seconds)


@pytest.mark.parametrize(("watched", "passed"), [(10.4, True), (9.0, True), (10.6, False)])
def test_viewers_may_cost_a_twentieth(watched: float, passed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SETTLING_S", 0.0)
    monkeypatch.setattr(parts, "watching", lambda *_: nullcontext())
    found = parts.with_and_without_viewers(Rounds(10.0, watched, watched, 10.0), 20, [False, True, True, False])
    assert found["passed"] == passed
    assert found["ratios"]["total_ms"]["p95"] == pytest.approx(watched / 10)
    assert len(rows({"viewers": found})) == 6


def test_ten_minutes_behind_the_link_are_the_default() -> None:
    assert parse([]).link_seconds == 600
