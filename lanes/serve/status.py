"""What the page shows beside the picture, as JSON; made once for all viewers, however many there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, perf_counter_ns
from typing import Any

from lanes.output.page_record import page_record
from lanes.serve.pictures import Picture
from lanes.telemetry.histogram import LatencySummary
from lanes.telemetry.history import BIN_NS, BINS, Bin
from lanes.telemetry.state import RunFacts, RunState
from lanes.telemetry.telemetry import Telemetry

FRESH_S = 0.25
"""Seconds for which a status is good."""

FIGURES_S = 2.0
"""Seconds for which percentiles and the list of clips are: they take longer, and change slowly."""

SILENT_S = 2.0
"""Seconds without a frame after which there are none a second."""

CLIPS = 50
"""So many clips are listed, the newest."""


class Status:
    """Makes the messages to viewers out of telemetry and state.

    Args:
        telemetry: counts and times of the run.
        state: what else is known of it.
        viewers: how many watch now.
        clips: the recordings of events, the newest first; None where none are made.
        can_mark: whether a viewer may ask that a moment be kept.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        state: RunState,
        viewers: Callable[[], int],
        clips: Callable[[], Sequence[Path]] | None,
        can_mark: bool,
    ) -> None:
        self._telemetry, self._state, self._viewers = telemetry, state, viewers
        self._clips, self._can_mark = clips, can_mark
        self._text, self._at = "", -FRESH_S
        self._figures: dict[str, Any] = {}
        self._names: list[str] | None = None
        self._figures_at = -FIGURES_S
        self._frame: tuple[int, str] = (0, "null")

    def status(self) -> str:
        """The run now, a JSON object; the same string until it is older than `FRESH_S`."""
        now = monotonic()
        if now - self._at >= FRESH_S:
            self._text, self._at = json.dumps(self._make(now), separators=(",", ":"), allow_nan=False), now
        return self._text

    def frame(self, picture: Picture) -> str:
        """A picture's facts, a JSON object. `taken`: when it was, in milliseconds of `clock_ms`."""
        if self._frame[0] != picture.number:
            record = {"number": picture.number, "taken": round(picture.taken_ns / 1e6, 2)} | page_record(picture.result)
            self._frame = picture.number, json.dumps(record, separators=(",", ":"), allow_nan=False)
        return self._frame[1]

    def bins(self, since: int) -> tuple[int, str]:
        """The plot's bins after one: the number of the last, and a JSON array."""
        found = self._telemetry.history(since)
        return (found[-1].number if found else since), json.dumps([_bin(each) for each in found], separators=(",", ":"))

    def _make(self, now: float) -> dict[str, Any]:
        if now - self._figures_at >= FIGURES_S:
            self._figures, self._figures_at = _figures(self._telemetry), now
            self._names = None if self._clips is None else [path.name for path in self._clips()[:CLIPS]]
        facts, frames = self._state.facts(), self._telemetry.counts()
        fps = self._telemetry.recent_fps() if self._telemetry.idle_s() < SILENT_S else 0.0
        return {
            "fps": fps,
            "frames": {
                "captured": frames.captured,
                "processed": frames.processed,
                "dropped": frames.dropped,
                "under_way": frames.under_way,
                "corrupt": frames.corrupt,
            },
            "figures": self._figures,
            "engine": facts.engine
            and {"name": facts.engine.name, "precision": facts.engine.precision, "model": facts.engine.model}
            | {"device": facts.engine.device},
            "source": _source(facts),
            "departures": dict(facts.departures),
            "happenings": [{"at": each.at, "kind": each.kind, "text": each.text} for each in reversed(facts.happenings)],
            "clips": self._names,
            "can_mark": self._can_mark,
            "viewers": self._viewers(),
            "bin_ms": BIN_NS / 1e6,
            "bins": BINS,
        }


def clock_ms() -> float:
    """The clock of all times that go to viewers: milliseconds, never set back."""
    return round(perf_counter_ns() / 1e6, 2)


def health(telemetry: Telemetry, state: RunState, stalled_s: float) -> tuple[bool, str]:
    """Whether the run does what it can, and in a word what it does.

    Returns:
        True with `ok`, `waiting` (for a source that is away) or `ended`; False with `starting` or `stalled`: the source sends, and no
        frame was finished for `stalled_s` seconds.
    """
    facts = state.facts()
    if facts.phase in ("lost", "ended"):
        return True, "waiting" if facts.phase == "lost" else "ended"
    if facts.engine is None or facts.phase != "up":
        return False, "starting"
    return (False, "stalled") if telemetry.idle_s() > stalled_s else (True, "ok")


def _figures(telemetry: Telemetry) -> dict[str, Any]:
    figures = telemetry.figures()
    return {
        "stages": {stage: _summary(summary) for stage, summary in figures.stages.items()},
        "end_to_end": _summary(figures.end_to_end),
        "frame_age": None if figures.frame_age is None else _summary(figures.frame_age),
    }


def _summary(summary: LatencySummary) -> dict[str, float | int | None]:
    return {"p50": summary.p50, "p95": summary.p95, "p99": summary.p99, "n": summary.n}


def _source(facts: RunFacts) -> dict[str, Any]:
    info = facts.info
    return {
        "name": facts.source,
        "phase": facts.phase,
        "cause": facts.cause,
        "for_s": round(monotonic() - facts.since, 1),
        "picture": facts.picture,
        "reconnects": sum(facts.reconnects.values()),
        "live": info is not None and info.live,
        "kind": None if info is None else info.kind,
        "size": None if info is None else [info.width, info.height],
        "rate": None if info is None or info.frame_rate is None else float(info.frame_rate),
    }


def _bin(each: Bin) -> dict[str, Any]:
    """Means over the bin's frames, milliseconds."""
    return {
        "number": each.number,
        "frames": each.frames,
        "stages": {stage: round(ms / each.frames, 2) for stage, ms in each.stages.items()},
        "total": round(each.total / each.frames, 2),
        "longest": round(each.longest, 2),
        "age": None if each.age is None else round(each.age / each.frames, 2),
    }
