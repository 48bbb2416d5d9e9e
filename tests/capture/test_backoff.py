"""When a lost source is tried again, by a clock of the test's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanes.capture.backoff import LONGEST_STEP_S, Backoff

JITTER = st.lists(st.floats(0, 1), min_size=200, max_size=200)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def steps(clock: Clock, backoff: Backoff, count: int) -> list[float]:
    """The waits of an outage, each taken."""
    taken = []
    for _ in range(count):
        taken.append(backoff.wait_s())
        clock.now += taken[-1]
    return taken


def frames(clock: Clock, backoff: Backoff, seconds: float) -> None:
    """Good frames for so long."""
    for _ in range(int(seconds * 10) + 1):
        backoff.note_frame()
        clock.now += 0.1


def test_steps_double_to_ten_seconds_and_no_further() -> None:
    clock = Clock()
    taken = steps(clock, Backoff(clock, lambda: 1.0), 40)
    assert taken[:2] == [0.5, 1]
    assert taken[2:11] == [1] * 9  # the first ten seconds
    assert taken[11:16] == [2, 4, 8, 10, 10]
    assert set(taken[16:]) == {LONGEST_STEP_S}


def test_a_wait_is_any_part_of_its_step() -> None:
    clock = Clock()
    parts = iter([0.0, 0.25, 1.0])
    assert steps(clock, Backoff(clock, lambda: next(parts)), 3) == [0, 0.25, 1]


def test_ten_seconds_of_frames_begin_anew() -> None:
    clock = Clock()
    backoff = Backoff(clock, lambda: 1.0)
    steps(clock, backoff, 30)
    frames(clock, backoff, 10)
    assert backoff.wait_s() == 0.5


def test_a_server_that_dies_at_once_each_time_is_left_alone_for_longer_and_longer() -> None:
    clock = Clock()
    backoff = Backoff(clock, lambda: 1.0)
    taken = []
    for _ in range(30):
        frames(clock, backoff, 0.3)
        taken += steps(clock, backoff, 1)
    assert taken[-1] == LONGEST_STEP_S


@given(JITTER, st.floats(0.1, 60), st.floats(0, 300))
def test_it_is_tried_within_a_second_of_its_return_after_a_short_outage_and_within_ten_after_any(
    jitter: list[float], lasted: float, outage: float
) -> None:
    """Whatever the jitter: of an outage that came after two seconds of frames or more, even after a long one before."""
    clock = Clock()
    parts = iter(jitter * 1000)
    backoff = Backoff(clock, lambda: next(parts) or 0.5)
    steps(clock, backoff, 25)
    frames(clock, backoff, 2 + lasted)
    returns = clock.now + outage
    while True:
        clock.now += backoff.wait_s() + 0.01
        if clock.now >= returns:
            break
    late = clock.now - returns
    assert late <= (1.02 if outage < 10 else 10.02)
