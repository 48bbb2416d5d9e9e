"""A source that comes back: what is waited for and what is not, numbers and times, stalls. Sources and clock are the test's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest

from lanes.capture import reconnecting
from lanes.capture.events import Black, Connected, Event, FormatChanged, Frozen, Lost, Notice, PictureBack, Resumed
from lanes.capture.live import LiveSource
from lanes.capture.reconnecting import OPEN_TIMEOUT_S, Reconnecting
from lanes.capture.source import SourceInfo
from lanes.errors import InputError, NotFoundError, SourceLostError, UnauthorizedError, UnsupportedCodecError
from lanes.results import Frame

INFO = SourceInfo("cam", "stream", 8, 4, Fraction(25), None, live=True, time_base=Fraction(1, 25))
REFUSED = InputError("cam: refuses the connection")


@dataclass
class Connection:
    """What one connection does: it fails with `opens`, or gives so many `frames`, each when the one before was taken, and then fails with
    `ends`, ends in order, or `stays` silent. It says `notice`, and its first frame's time is `first_time` units of its clock."""

    opens: InputError | None = None
    frames: int = 0
    ends: SourceLostError | None = None
    info: SourceInfo = INFO
    notice: str = ""
    stays: bool = False
    first_time: int = 1000
    endless: bool = True


@dataclass
class Site:
    """Makes the connections in turn; with the last of them, the test is over."""

    plan: list[Connection]
    made: list[Scripted] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def make(self) -> Scripted:
        self.made.append(Scripted(self.plan[min(len(self.made), len(self.plan) - 1)]))
        return self.made[-1]

    def source(self, **options: object) -> Reconnecting:
        return Reconnecting(self.make, **({"pause": self.pause, "random": lambda: 1.0} | options))  # type: ignore[arg-type]

    def pause(self, closing: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        return closing.is_set()


class Scripted(LiveSource):
    taken: ClassVar[threading.Semaphore]
    """The consumer, at the far end, has taken a frame and waits for the next one: none is superseded."""

    def __init__(self, plan: Connection) -> None:
        super().__init__("cam")
        self.plan, self.gone = plan, 0

    @property
    def endless(self) -> bool:
        return self.plan.endless

    def _open(self) -> SourceInfo:
        if self.plan.opens:
            raise self.plan.opens
        if self.plan.notice:
            self._announce(Notice(self.plan.notice))
        return self.plan.info

    def _frames(self) -> Iterator[Frame]:
        info = self.plan.info
        assert info.time_base is not None
        for index in range(self.plan.frames):
            if not self._next_is_due():
                return
            pixels = np.full((info.height, info.width, 3), 50 * (index % 5), np.uint8)
            yield Frame(pixels, index, (self.plan.first_time + index) * info.time_base, "cam", f"{index:06d}")
        if self.plan.stays:
            self._closing.wait(30)
        if self.plan.ends:
            raise self.plan.ends

    def _next_is_due(self) -> bool:
        while not self._closing.is_set():
            if self.taken.acquire(timeout=0.05):
                return True
        return False

    def _release(self) -> None:
        self.gone += 1


@pytest.fixture(autouse=True)
def _one_frame_at_a_time() -> None:
    Scripted.taken = threading.Semaphore(1)


def read(source: LiveSource, count: int = 1000) -> list[Frame]:
    """So many frames at most, after which the source is closed."""
    found: list[Frame] = []
    with source:
        take(source, found, count)
    return found


def take(source: LiveSource, found: list[Frame], count: int = 1000) -> None:
    for frame in source:
        found.append(frame)
        if len(found) == count:
            break
        Scripted.taken.release()


def kinds(events: Iterator[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


class TestWhatIsWaitedFor:
    def test_a_source_that_ends_breaks_off_or_cannot_be_opened(self) -> None:
        site = Site([Connection(REFUSED), Connection(frames=2), Connection(REFUSED), Connection(REFUSED), Connection(frames=2, stays=True)])
        site.plan[1].ends = SourceLostError("cam: the connection was lost")
        source = site.source()
        frames = read(source, 4)
        events = list(source.events())
        assert [frame.index for frame in frames] == [0, 1, 2, 3]
        assert [frame.cut for frame in frames] == [False, False, True, False]
        assert kinds(iter(events)) == ["Lost", "Connected", "Resumed", "Lost", "Resumed"]
        assert [event.cause for event in events if isinstance(event, Lost)] == [str(REFUSED), "cam: the connection was lost"]
        assert all(made.gone == 1 for made in site.made)
        assert source.counts.captured == source.counts.delivered == 4

    def test_an_end_in_order_is_a_loss_too(self) -> None:
        source = Site([Connection(frames=1), Connection(frames=1, stays=True)]).source()
        assert len(read(source, 2)) == 2
        assert any("ended by the other side" in event.cause for event in source.events() if isinstance(event, Lost))

    @pytest.mark.parametrize("error", [UnauthorizedError, NotFoundError, UnsupportedCodecError])
    def test_what_waiting_does_not_help_ends_the_opening(self, error: type[InputError]) -> None:
        site = Site([Connection(REFUSED), Connection(error("cam: wrong"))])
        with pytest.raises(error, match="cam: wrong") as caught:
            site.source().open()
        assert type(caught.value) is error
        assert len(site.made) == 2

    @pytest.mark.parametrize("error", [UnauthorizedError, UnsupportedCodecError])
    def test_and_the_run(self, error: type[InputError]) -> None:
        source = Site([Connection(frames=1), Connection(error("cam: wrong now"))]).source()
        with pytest.raises(error, match="wrong now"):
            read(source)

    def test_an_address_that_was_right_is_waited_for(self) -> None:
        """A server that starts again knows its address before it has its video."""
        plan = [Connection(frames=1), Connection(NotFoundError("cam: nothing at this address")), Connection(frames=1, stays=True)]
        assert len(read(Site(plan).source(), 2)) == 2

    def test_a_recording_ends_where_it_ends(self) -> None:
        source = Site([Connection(frames=3, endless=False)]).source()
        assert len(read(source)) == 3

    def test_a_recording_that_breaks_off_is_lost(self) -> None:
        source = Site([Connection(frames=3, endless=False, ends=SourceLostError("cam: broke off"))]).source()
        with pytest.raises(SourceLostError, match="broke off"):
            read(source)

    def test_a_bug_is_not_waited_for(self) -> None:
        class Broken(Scripted):
            def _open(self) -> SourceInfo:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            Reconnecting(lambda: Broken(Connection())).open()


class TestTimes:
    def test_they_go_on_by_what_has_passed_in_the_units_of_the_first_connection(self) -> None:
        other = replace(INFO, time_base=Fraction(1, 30), frame_rate=Fraction(30))
        site = Site([Connection(frames=3), Connection(frames=3, info=other, first_time=0, stays=True)])

        def pause(closing: threading.Event, _: float) -> bool:
            return closing.wait(0.5)

        frames = read(site.source(pause=pause), 6)
        times = [frame.time for frame in frames]
        assert times[:3] == [40, Fraction(1001, 25), Fraction(1002, 25)]
        assert times == sorted(set(times))
        assert all((time / Fraction(1, 25)).denominator == 1 for time in times)
        assert 0.4 < times[3] - times[2] < 10
        assert frames[3].clock_shift == times[3]

    def test_the_outage_is_measured_from_the_last_frame(self) -> None:
        now = [0.0]

        def pause(_: threading.Event, seconds: float) -> bool:
            now[0] += seconds
            return False

        site = Site([Connection(frames=1), Connection(REFUSED), Connection(REFUSED), Connection(frames=1, stays=True)])
        source = site.source(pause=pause, clock=lambda: now[0])
        read(source, 2)
        assert [event.outage_s for event in source.events() if isinstance(event, Resumed)] == [0.5 + 1 + 1]


class TestFacts:
    def test_another_size_is_an_event_and_a_cut(self) -> None:
        wide = replace(INFO, width=16)
        source = Site([Connection(frames=1), Connection(frames=1, info=wide, stays=True)]).source()
        frames = read(source, 2)
        assert frames[1].size == (source.info.width, source.info.height) == (16, 4)
        assert [event.info for event in source.events() if isinstance(event, FormatChanged)] == [source.info]

    def test_what_a_connection_says_is_said_again_only_if_it_is_new(self) -> None:
        said = ["640x480 at 30", "640x480 at 30", "640x480 at 15"]
        plan = [Connection(frames=1, notice=words) for words in said] + [Connection(frames=1, stays=True)]
        source = Site(plan).source()
        read(source, 4)
        assert [event.message for event in source.events() if isinstance(event, Notice)] == [said[0], said[2]]

    def test_events_reach_whoever_listens_also_before_it_is_open(self) -> None:
        heard: list[Event] = []
        source = Site([Connection(REFUSED), Connection(frames=1, stays=True)]).source()
        source.on_event = heard.append
        read(source, 1)
        assert kinds(iter(heard)) == ["Lost", "Connected", "Resumed"]
        assert heard == list(source.events())


class TestStalls:
    @pytest.mark.parametrize(
        ("rate", "pause_s", "limit"),
        [(25, 2.0, 2.0), (1, 2.0, 5.0), (None, 2.0, 10.0), (Fraction(1, 4), 2.0, 20.0), (25, 10.0, 10.0)],
    )
    def test_the_longer_of_two_seconds_and_five_intervals(self, rate: int | None, pause_s: float, limit: float) -> None:
        info = replace(INFO, frame_rate=None if rate is None else Fraction(rate))
        asked: list[float | None] = []

        class Asked(Scripted):
            def take_newest(self, timeout: float | None = None) -> Frame | None:
                asked.append(timeout)
                return super().take_newest(timeout)

        def make() -> LiveSource:
            source = Asked(Connection(frames=5, info=info, stays=True))
            source.pause_s = pause_s
            return source

        read(Reconnecting(make), 4)
        assert asked[0] == limit
        assert asked[2] == max(pause_s, 2.0)  # measured by now: 25 a second

    def test_a_silent_source_is_lost_and_opened_anew(self) -> None:
        def make() -> LiveSource:
            source = site.make()
            source.pause_s = 0.05
            return source

        site = Site([Connection(frames=2, stays=True, info=replace(INFO, frame_rate=Fraction(1000), time_base=Fraction(1, 1000)))])
        source = Reconnecting(make, pause=site.pause)
        assert len(read(source, 4)) == 4
        assert len(site.made) >= 2
        assert any("no frame for 0.05 seconds" in event.cause for event in source.events() if isinstance(event, Lost))

    def test_a_silent_opening_is_given_up_sooner_where_it_was_quick_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A connection that a server has accepted and forgotten does not keep us from its return; one that takes its time gets it."""
        monkeypatch.setattr(reconnecting, "REOPEN_TIMEOUT_S", 0.1)
        monkeypatch.setattr(reconnecting, "REOPEN_FACTOR", 0)
        limits: list[float | None] = []

        class Silent(Scripted):
            def open(self, timeout: float | None = None) -> None:
                limits.append(timeout)
                super().open(timeout)

            def _open(self) -> SourceInfo:
                if len(limits) in (2, 3):
                    self._closing.wait(30)
                return super()._open()

        source = Reconnecting(lambda: Silent(Connection(frames=1)), pause=lambda closing, _: closing.wait(0.01))
        assert len(read(source, 2)) == 2
        assert limits[:2] == [OPEN_TIMEOUT_S, 0.1]
        assert limits[2:4] == [0.2, 0.4]

    def test_while_a_driver_is_stuck_no_further_thread_is(self) -> None:
        out = threading.Event()

        class Stuck(Scripted):
            def _frames(self) -> Iterator[Frame]:
                yield from super()._frames()
                out.wait(30)

        def make() -> LiveSource:
            made.append(Stuck(Connection(frames=1, info=replace(INFO, frame_rate=Fraction(100)))))
            made[-1].pause_s = 0.01
            return made[-1]

        def pause(_: threading.Event, __: float) -> bool:
            there.append(len(made))
            if len(there) == 3:
                out.set()
                made[0]._grabber.join(30)
            return False

        made: list[Stuck] = []
        there: list[int] = []
        read(Reconnecting(make, pause=pause), 2)
        assert there[:3] == [1, 1, 1]


class TestClosing:
    """While the source is away, nobody waits for it who does not want to."""

    def closed_in(self, source: LiveSource, work: Callable[[], object], ready: threading.Event) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert ready.wait(30)
        source.close()
        thread.join(5)
        assert not thread.is_alive()

    def test_while_it_waits_to_be_opened(self) -> None:
        waiting = threading.Event()

        def pause(closing: threading.Event, _: float) -> bool:
            waiting.set()
            return closing.wait(600)

        source = Site([Connection(REFUSED)]).source(pause=pause)
        failures = []

        def work() -> None:
            try:
                source.open()
            except InputError as error:
                failures.append(str(error))

        self.closed_in(source, work, waiting)
        assert failures == ["cam: was closed while it was being opened"]

    def test_while_it_waits_between_two_connections(self) -> None:
        waiting = threading.Event()

        def pause(closing: threading.Event, _: float) -> bool:
            waiting.set()
            return closing.wait(600)

        source = Site([Connection(frames=2)]).source(pause=pause)
        source.open()
        found: list[Frame] = []
        self.closed_in(source, lambda: take(source, found), waiting)
        counts = source.counts
        assert counts.captured == 2 == len(found) + sum(counts.dropped.values())  # the second one may still have waited to be taken

    def test_no_connection_is_left_open(self) -> None:
        """Whatever the moment: each that was made is given back."""
        for milliseconds in range(0, 30, 3):
            site = Site([Connection(frames=2), Connection(REFUSED)])
            source = site.source(pause=lambda closing, _: closing.wait(0.001))
            source.open()
            reader = threading.Thread(target=take, args=(source, []))
            reader.start()
            time.sleep(milliseconds / 1000)
            source.close()
            reader.join(30)
            assert not reader.is_alive()
            source._grabber.join(30)
            assert [made.gone for made in site.made] == [1] * len(site.made)


def test_a_picture_that_stands_still_or_is_black_is_noticed() -> None:
    rng = np.random.default_rng(0)

    class Filmed(Scripted):
        def _frames(self) -> Iterator[Frame]:
            for index, level in enumerate([100] * 3 + [7] * 3 + [100]):
                self._next_is_due()
                moving = index in (0, 6)
                pixels = rng.integers(0, 255, (4, 8, 3)).astype(np.uint8) if moving else np.full((4, 8, 3), level, np.uint8)
                yield Frame(pixels, index, Fraction(index * 2), "cam", "")
            self._closing.wait(30)

    info = replace(INFO, time_base=None)
    source = Reconnecting(lambda: Filmed(Connection(info=info)))
    frames = read(source, 7)
    events = [event for event in source.events() if not isinstance(event, Connected)]
    assert events == [Frozen(2.0), Black(2.0), PictureBack(6.0)]
    assert [frame.cut for frame in frames] == [False] * 6 + [True]
