"""Opens what shows a run to people while it goes on: the page and the window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lanes.output.sink import Sink
from lanes.serve.address import Address
from lanes.settings import Settings
from lanes.telemetry.state import RunState
from lanes.telemetry.telemetry import Telemetry


def open_viewers(
    settings: Settings, telemetry: Telemetry, state: RunState, stop: Callable[[], None], mark: Callable[[str], None]
) -> list[Sink]:
    """The sinks that the settings ask for; none of them holds up the run.

    Args:
        settings: those of the run.
        telemetry: its counts and times.
        state: what else is known of it.
        stop: ends it, from any thread.
        mark: asks for a clip of this moment, for a reason in a word, from any thread; used where clips are recorded.

    Raises:
        InputError: there is no display, or there cannot be listened.
    """
    events = settings.events
    marking = None if events is None else mark
    viewers: list[Sink] = []
    if settings.show:
        from lanes.output.window import WindowSink

        viewers.append(WindowSink("Lanestream", stop, marking))
    if settings.serve is not None:
        from lanes.serve.page import PageSink

        clips = None if events is None else partial(newest_clips, events)
        try:
            address = Address.parse(settings.serve)
            viewers.append(PageSink(address, telemetry, state, quiet=settings.quiet, mark=marking, clips=clips))
        except BaseException:
            for sink in viewers:
                sink.discard()
            raise
    return viewers


def newest_clips(folder: Path) -> list[Path]:
    """The clips of events in a folder, and in those of several sources below it, the newest first: their names begin with their time."""
    return sorted([*folder.glob("*.mp4"), *folder.glob("*/*.mp4")], key=lambda path: path.name, reverse=True)
