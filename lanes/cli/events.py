"""What is said of a source's events: one line each, of those that a person should know."""

from __future__ import annotations

import logging

from lanes.capture.events import Black, Event, Frozen, Lost, Notice, PictureBack, Resumed

_log = logging.getLogger(__name__)


def log_event(name: str, event: Event) -> None:
    """Says it. `name`: the source's."""
    match event:
        case Notice(message):
            _log.info("%s", message)
        case Lost(cause):
            _log.warning("%s; it is waited for", cause)
        case Resumed(outage_s):
            _log.info("%s: is back after %.1f s", name, outage_s)
        case Frozen(seconds):
            _log.warning("%s: has sent the same picture for %.0f s; look at the camera", name, seconds)
        case Black(seconds):
            _log.warning("%s: has sent a black picture for %.0f s; look at the camera's lens and light", name, seconds)
        case PictureBack(seconds):
            _log.info("%s: the picture moves again after %.1f s", name, seconds)
