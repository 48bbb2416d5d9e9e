"""Opening can be interrupted: by Ctrl-C or SIGTERM in the main thread, and by `close()` from another."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from lanes.capture import find_sources
from lanes.capture.events import Event, Notice
from lanes.capture.source import Source, SourceInfo
from lanes.errors import InputError
from lanes.results import Frame
from tests.capture.live_servers import free_port
from tests.capture.servers import silent

PROGRAM = """
import signal, sys
from lanes.capture import find_sources
from lanes.errors import exit_status

signal.signal(signal.SIGTERM, signal.default_int_handler)

def work():
    print("opening", flush=True)
    for text in sys.argv[1:]:
        for source in find_sources(text).opened():
            source.close()

sys.exit(exit_status("program", work))
"""


@contextlib.contextmanager
def silent_source(scheme: str) -> Iterator[str]:
    """The address of a server that accepts and says nothing; over UDP, of nobody."""
    with silent() as host:
        yield f"{scheme}://admin:hunter2@{host}/live" if scheme != "udp" else f"udp://{host}"


@pytest.mark.parametrize("delay", [0.0, 0.3])
@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp", "tcp", "udp"])
def test_close_from_another_thread_ends_it(scheme: str, delay: float) -> None:
    with silent_source(scheme) as address:
        (source,) = find_sources(address)
        failures: list[BaseException] = []

        def opening() -> None:
            try:
                source.open()
            except InputError as error:
                failures.append(error)

        thread = threading.Thread(target=opening, daemon=True)
        thread.start()
        time.sleep(delay)
        assert thread.is_alive()
        begun = time.monotonic()
        source.close()
        thread.join(30)
        assert time.monotonic() - begun < 5  # the server's silence would last 10 s
        assert "closed while" in str(failures[0])
        assert source._opener is not None
        source._opener.join(5)
        assert not source._opener.is_alive()  # FFmpeg has come back as well


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_signal_while_connecting_ends_the_program_with_130(scheme: str, number: int, count: int) -> None:
    """With several sources, too: the signal is no reason to go on with the next one."""
    with silent_source(scheme) as address:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *[address] * count], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "opening\n"
        time.sleep(0.5)
        assert process.poll() is None
        begun = time.monotonic()
        process.send_signal(number)
        _, printed = process.communicate(timeout=30)
        assert process.returncode == 130
        assert printed == "program: interrupted\n"
        assert time.monotonic() - begun < 5  # the server's silence would last 10 s


def test_a_failure_to_open_is_raised_each_time_and_gives_back_what_was_taken() -> None:
    class Half(Source):
        released = 0

        def _open(self) -> SourceInfo:
            raise InputError("half: only half of it could be opened")

        def _frames(self) -> Iterator[Frame]:
            yield from ()

        def _release(self) -> None:
            self.released += 1

    source = Half("half")
    for _ in range(2):
        with pytest.raises(InputError, match="only half"):
            source.open()
    source.close()
    assert source.released == 1


def test_what_opens_too_late_is_given_back() -> None:
    """A device that answers after nobody wants it any more."""

    class Late(Source):
        def __init__(self) -> None:
            super().__init__("late")
            self.answer, self.given_back = threading.Event(), threading.Event()

        def _open(self) -> SourceInfo:
            self.answer.wait(30)
            return SourceInfo("late", "camera", 4, 4, None, None, live=True)

        def _frames(self) -> Iterator[Frame]:
            yield from ()

        def _release(self) -> None:
            self.given_back.set()

    source = Late()
    threading.Timer(0.1, source.close).start()
    with pytest.raises(InputError, match="closed while"):
        source.open()
    assert not source.given_back.is_set()
    source.answer.set()
    assert source.given_back.wait(30)


def test_it_can_be_bounded_as_a_whole() -> None:
    class Endless(Source):
        def _open(self) -> SourceInfo:
            self._closing.wait(30)
            raise InputError("endless: was never answered")

        def _frames(self) -> Iterator[Frame]:
            yield from ()

    source = Endless("endless")
    with pytest.raises(InputError, match="endless: does not answer"):
        source.open(0.1)
    assert source.is_free


def test_a_source_that_is_silent_from_the_start_is_said_to_be_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanes.capture.source.SILENT_S", 0.05)
    (source,) = find_sources(f"udp://127.0.0.1:{free_port()}", reconnect=True)
    said: list[Event] = []
    heard = threading.Event()

    def hear(event: Event) -> None:
        said.append(event)
        heard.set()

    def open_it() -> None:
        with pytest.raises(InputError, match="was closed"):
            source.open()

    source.on_event = hear
    opening = threading.Thread(target=open_it)
    opening.start()
    assert heard.wait(60)
    time.sleep(0.5)
    source.close()
    opening.join(60)
    assert said == [Notice(f"{source.name}: waits for a stream that somebody sends to this address")]
