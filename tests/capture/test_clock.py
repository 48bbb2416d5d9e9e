"""Clock: times that rise and make sense."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.capture.clock import Clock

UNIT = Fraction(1, 90_000)
PERIOD = 3600


def run(stamps: list[int | None], dts: list[int | None] | None = None, rate: Fraction | None = Fraction(25)) -> tuple[list[int], list[int]]:
    """(times in ticks, indices of the cuts)."""
    clock = Clock(UNIT, rate)
    given = [clock.time(stamp, None if dts is None else dts[index]) for index, stamp in enumerate(stamps)]
    return [int(time / UNIT) for time, _ in given], [index for index, (_, cut) in enumerate(given) if cut]


@given(st.lists(st.integers(0, 2**33) | st.none(), min_size=1, max_size=60), st.sampled_from([None, Fraction(25), Fraction(30000, 1001)]))
def test_times_always_rise_and_are_whole_ticks(stamps: list[int | None], rate: Fraction | None) -> None:
    clock = Clock(UNIT, rate)
    times = [clock.time(stamp, None)[0] for stamp in stamps]
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    assert all((time / UNIT).denominator == 1 for time in times)


@given(st.integers(-(10**6), 10**12), st.lists(st.integers(90, 90_000), max_size=60))
def test_stamps_that_make_sense_are_kept(first: int, steps: list[int]) -> None:
    """Constant or variable rate, from 1 ms to 1 s apart."""
    stamps = [first]
    for step in steps:
        stamps.append(stamps[-1] + step)
    assert run(stamps) == (stamps, [])


@pytest.mark.parametrize("back", [PERIOD, 2 * PERIOD, 54_000, 90_000, 3600 * 90_000])
def test_set_back(back: int) -> None:
    first = [PERIOD * index + 10**9 for index in range(50)]
    second = [stamp + 50 * PERIOD - back - PERIOD for stamp in first]
    times, cuts = run(first + second)
    assert times == [PERIOD * index + 10**9 for index in range(100)]
    assert cuts == [50]


@pytest.mark.parametrize("forward", [11 * 90_000, 3600 * 90_000, 2**33])
def test_set_forward(forward: int) -> None:
    stamps = [PERIOD * index + (forward if index >= 50 else 0) for index in range(100)]
    assert run(stamps) == ([PERIOD * index for index in range(100)], [50])


@pytest.mark.parametrize("first", [0, 1])
def test_a_first_frame_by_another_clock(first: int) -> None:
    """As cameras send before they know the time of day."""
    stamps = [PERIOD * index + (1_700_000_000 * 90_000 if index > first else 0) for index in range(50)]
    assert run(stamps) == ([PERIOD * index for index in range(50)], [first + 1])


def test_no_packet_lasts_an_hour() -> None:
    clock = Clock(UNIT, Fraction(25))
    clock.note_duration(3600 * 90_000)
    stamps = [PERIOD * index + (3600 * 90_000 if index >= 50 else 0) for index in range(100)]
    assert [int(clock.time(stamp, None)[0] / UNIT) for stamp in stamps] == [PERIOD * index for index in range(100)]


def test_many_steps() -> None:
    """Loop recordings of 1 s joined in any order."""
    stamps = [start * 90_000 + PERIOD * index for start in (3600, 0, 60, 7, 7) for index in range(25)]
    assert run(stamps) == ([3600 * 90_000 + PERIOD * index for index in range(125)], [25, 50, 75, 100])


class TestAGapIsNoStep:
    """Where the time has passed, frames keep their times; the first after it is a cut."""

    STAMPS = tuple(PERIOD * index + (31 * 90_000 if index >= 50 else 0) for index in range(100))

    def check(self, clock: Clock, stamps: tuple[int, ...] = STAMPS, lost: bool = False) -> None:
        given = [clock.time(stamp, None, lost and index == 50) for index, stamp in enumerate(stamps)]
        assert [int(time / UNIT) for time, _ in given] == list(stamps)
        assert [index for index, (_, cut) in enumerate(given) if cut] == [50]

    def test_a_slow_camera(self) -> None:
        self.check(Clock(UNIT, Fraction(25)), tuple(90_000 * (index + (30 if index >= 50 else 0)) for index in range(100)))

    def test_a_short_gap(self) -> None:
        self.check(Clock(UNIT, Fraction(25)), tuple(PERIOD * index + (9 * 90_000 if index >= 50 else 0) for index in range(100)))

    def test_a_packet_that_lasts_as_long(self) -> None:
        clock = Clock(UNIT, Fraction(25))
        clock.note_duration(31 * 90_000)
        self.check(clock)

    def test_sound_goes_on(self) -> None:
        clock = Clock(UNIT, Fraction(25))
        for second in range(35):
            clock.note_audio(second)
        self.check(clock)

    def test_frames_were_lost(self) -> None:
        self.check(Clock(UNIT, Fraction(25)), lost=True)

    def test_time_lapse(self) -> None:
        stamps: list[int | None] = [60 * 90_000 * index for index in range(20)]
        assert run(stamps)[0] == stamps


class TestStandingStill:
    def test_from_the_start_the_nominal_rate(self) -> None:
        times, cuts = run([5] * 300, rate=Fraction(30_000, 1001))
        assert times == [5 + 3003 * index for index in range(300)]
        assert not cuts

    def test_a_rate_that_is_no_whole_tick_is_kept_on_the_average(self) -> None:
        clock = Clock(Fraction(1, 1000), Fraction(30_000, 1001))
        times = [clock.time(1000, None)[0] for _ in range(3001)]
        assert times[-1] == 1 + Fraction(round(3000 * 1001 / 30), 1000)
        assert {later - earlier for earlier, later in itertools.pairwise(times)} == {Fraction(33, 1000), Fraction(34, 1000)}

    def test_a_step_back_that_a_muxer_has_squeezed(self) -> None:
        """14 stamps one tick apart, then the clock goes on from there."""
        stamps: list[int | None] = [PERIOD * index for index in range(38)]
        stamps += [37 * PERIOD + tick for tick in range(1, 15)]
        stamps += [PERIOD * index for index in range(38, 60)]
        times, cuts = run(stamps)
        assert times == [PERIOD * index for index in range(len(stamps))]
        assert cuts == [39]

    def test_one_stamp_twice_is_no_cut(self) -> None:
        stamps: list[int | None] = [PERIOD * index for index in range(20)]
        stamps[10] = stamps[9]
        times, cuts = run(stamps)
        assert not cuts
        assert times[12:] == stamps[12:]


def test_jitter_is_no_cut_and_does_not_add_up() -> None:
    stamps: list[int | None] = [PERIOD * index - (PERIOD + 400 if index % 10 == 9 else 0) for index in range(200)]
    times, cuts = run(stamps)
    assert not cuts
    assert abs(times[-2] - int(stamps[-2] or 0)) <= PERIOD


def test_no_stamps_at_all_the_nominal_rate() -> None:
    assert run([None] * 5) == ([0, 3600, 7200, 10800, 14400], [])


def test_decoding_stamps_where_there_are_no_others() -> None:
    """H.264 in AVI: even from the first frame on."""
    dts: list[int | None] = [PERIOD * (index + 2) for index in range(10)]
    assert run([None] * 10, dts) == (dts, [])


def test_presentation_stamps_in_the_order_of_decoding() -> None:
    """A muxer took one for the other: frames come out as 0 3 2 4 7 6 8 ...; the decoding stamps rise."""
    pts: list[int | None] = [PERIOD * (index + (1, -1, 0, 0)[index % 4]) for index in range(60)]
    dts: list[int | None] = [PERIOD * (index + 2) for index in range(60)]
    times, _ = run(pts, dts)
    assert {later - earlier for earlier, later in itertools.pairwise(times[10:])} == {PERIOD}
