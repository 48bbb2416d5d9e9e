"""The run as Prometheus collects it: names, types and help of every metric, once. No address, user or path is in a label.

https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from lanes.capture.events import LossKind
from lanes.results import CalibrationState
from lanes.telemetry.buckets import Buckets
from lanes.telemetry.state import RunFacts, RunState
from lanes.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PREFIX = "lanestream_"

REASONS = ("superseded", "late", "lanes", "overlay", "output", "stopped")
"""Of a dropped frame, so that each has a count from the start: see `FrameCounts.dropped`."""


@dataclass(frozen=True, slots=True)
class ViewerCounts:
    """Who watches.

    Attributes:
        viewers: now.
        dropped: frames that a viewer was not sent, because newer ones came while it took the one before; all viewers together.
        age: from a frame's arrival to the viewer's word that it is on the screen.
    """

    viewers: int
    dropped: int
    age: Buckets


class RunMetrics:
    """Makes the text of `/metrics`.

    Args:
        telemetry: counts and times of the run.
        state: what else is known of it.
        version: of this package.
        viewers: who watches; None where nobody can.
    """

    def __init__(self, telemetry: Telemetry, state: RunState, version: str, viewers: Callable[[], ViewerCounts] | None = None) -> None:
        from prometheus_client import CollectorRegistry, ProcessCollector

        self._telemetry, self._state, self._version, self._viewers = telemetry, state, version, viewers
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All metrics now, in Prometheus's text format (`CONTENT_TYPE`)."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing, so that registering asks for no figures."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics, for the registry."""
        counters, facts = self._telemetry.counters(), self._state.facts()
        frames = counters.frames
        dropped = sum(frames.dropped.values())
        yield _counter("frames_captured", "Frames that the sources gave.", None, {"": frames.captured})
        yield _counter(
            "frames",
            "Frames by what became of them; captured ones are processed, dropped or under way, corrupt ones were never captured.",
            "outcome",
            {"processed": frames.processed, "dropped": dropped, "corrupt": frames.corrupt},
        )
        yield _counter(
            "frames_dropped", "Captured frames that were given up, by reason.", "reason", dict.fromkeys(REASONS, 0) | frames.dropped
        )
        yield _histogram(
            "stage_seconds",
            "Time of a frame in each stage of the pipeline.",
            "stage",
            {str(stage): times for stage, times in counters.stages.items()},
        )
        yield _histogram("frame_age_seconds", "Time from a live frame's arrival to the drawn frame.", None, {"": counters.frame_age})
        yield from _of_the_source(facts)
        yield _counter("departures", "Lane departures that began.", "side", facts.departures)
        states = {state: float(state == facts.calibration) for state in get_args(CalibrationState)}
        yield _gauge("calibration_state", "1 for the state that the camera's calibration is in.", "state", states)
        if self._viewers is not None:
            yield from _of_the_viewers(self._viewers())
        yield self._build_info(facts)

    def _build_info(self, facts: RunFacts) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        engine = facts.engine
        labels = {"version": self._version}
        if engine is not None:
            labels |= {"engine": engine.name, "precision": engine.precision, "model": engine.model}
        info = GaugeMetricFamily(f"{PREFIX}build_info", "1, with the version and the engine as labels.", labels=list(labels))
        info.add_metric(list(labels.values()), 1.0)
        return info


def _of_the_source(facts: RunFacts) -> Iterator[Metric]:
    yield _gauge(
        "source_up", "1 while the source sends frames, 0 while it is opened, waited for or ended.", None, {"": facts.phase == "up"}
    )
    reconnects = {kind: facts.reconnects.get(kind, 0) for kind in get_args(LossKind)}
    yield _counter("source_reconnects", "Returns of a source that was lost, by what had happened to it.", "cause", reconnects)
    if facts.last_frame is not None:
        yield _gauge("source_last_frame_timestamp_seconds", "When a frame was last finished.", None, {"": facts.last_frame})


def _of_the_viewers(counts: ViewerCounts) -> Iterator[Metric]:
    yield _gauge("viewers", "Viewers of the page and of the stream.", None, {"": counts.viewers})
    yield _counter("viewer_frames_dropped", "Frames that viewers were not sent because newer ones came.", None, {"": counts.dropped})
    yield _histogram("viewer_age_seconds", "Time from a frame's arrival to a viewer's word that it is painted.", None, {"": counts.age})


def _counter(name: str, help: str, label: str | None, values: Mapping[str, int]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(f"{PREFIX}{name}", help, labels=[label] if label else [])
    for value, count in values.items():
        family.add_metric([value] if label else [], count)
    return family


def _gauge(name: str, help: str, label: str | None, values: Mapping[str, float]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"{PREFIX}{name}", help, labels=[label] if label else [])
    for value, number in values.items():
        family.add_metric([value] if label else [], float(number))
    return family


def _histogram(name: str, help: str, label: str | None, values: Mapping[str, Buckets]) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(f"{PREFIX}{name}", help, labels=[label] if label else [])
    for value, buckets in values.items():
        bounds = [("+Inf" if bound == float("inf") else repr(bound), float(count)) for bound, count in buckets.cumulative()]
        family.add_metric([value] if label else [], bounds, buckets.sum_s)
    return family
