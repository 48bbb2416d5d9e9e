"""Session: one engine over one source after the other, into the outputs that the settings name.

It knows no console and no signals, so that the command line, a program of somebody else's and a service run the same code: they iterate
over `results`, listen to what happens between them (`Listener`), and may `stop` it from another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial

from engines.engine import Engine
from lanes import load_segmenter
from lanes.assets import DEMO_CLIP
from lanes.capture import find_sources
from lanes.capture.events import Event
from lanes.capture.live import LiveSource
from lanes.capture.select import selected
from lanes.capture.source import Source
from lanes.departure import VehicleSignals
from lanes.draw.overlay import Overlay
from lanes.errors import InputError, ProcessingError
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.estimator import LaneEstimator, PerFrameEstimator
from lanes.mount import default_store
from lanes.output.live.encoded import EncodedSink
from lanes.output.places import Places, Prepared, check_paths, open_records
from lanes.output.report import write_report
from lanes.output.sink import Outputs, Sink
from lanes.pipeline import Pipeline
from lanes.pipeline.listener import Listener
from lanes.results import FrameResult
from lanes.segment.segmenter import Segmenter
from lanes.serve.open import open_viewers
from lanes.settings import Settings
from lanes.telemetry.machine import machine_facts
from lanes.telemetry.report import EngineFacts, Report, SourceFacts
from lanes.telemetry.state import RunState
from lanes.telemetry.telemetry import Telemetry
from lanes.tracking.estimator import TrackingEstimator


class Session:
    """One run, as the settings ask for it.

    Args:
        settings: those of `run_video.py`; the ones that are about messages have no effect here.
        listener: is notified of engine and sources.
        make_estimator: gives each source its lane estimator; None for the one that the settings ask for.
        vehicle: its speed and turn signal at a time of the source's clock, where they are known; departure warnings depend on them.

    Attributes:
        telemetry: counts and times so far.
        state: what else is known of the run, for who watches it.
        sources: how many sources there are.
        failed: of several sources, those that ended early.
        refused: of several sources, those that could not be used at all.
        stopped: somebody called `stop`.
    """

    def __init__(
        self,
        settings: Settings,
        listener: Listener | None = None,
        make_estimator: Callable[[], LaneEstimator] | None = None,
        vehicle: VehicleSignals | None = None,
    ) -> None:
        self.settings = settings
        self.telemetry, self.state = Telemetry(), RunState()
        self.sources = self.failed = self.refused = 0
        self.stopped = False
        self._listener = listener or Listener()
        self._make_estimator = make_estimator
        self._vehicle = vehicle
        self._camera: CameraFile | None = None
        self._engine: Engine | None = None
        self._current: Source | None = None
        self._pipeline: Pipeline | None = None
        self._encoded: list[EncodedSink] = []
        self._names: list[str] = []
        self._live = False
        self._several = False

    def results(self) -> Generator[FrameResult, None, None]:
        """Every frame of every source, written to the outputs when the next one is asked for. Iterate once.

        A result's mask and pixels are valid until then: copy what is to be kept.

        Raises:
            InputError: the request cannot be carried out, or none of its sources; nothing is left behind under an output's name.
            ProcessingError: the only source failed under way; what was finished is kept.
        """
        settings = self.settings
        check_paths(settings)
        if settings.camera is not None:
            self._camera = CameraFile.read(settings.camera)
        sources = find_sources(str(DEMO_CLIP) if settings.source is None else settings.source, reconnect=settings.reconnect)
        self.sources = len(sources)
        self._several = self.sources > 1
        self._places = Places(settings, self._several, self._camera)
        with ExitStack() as stack:
            early = None
            if isinstance(first := next(iter(sources)), LiveSource):
                self._places.check_live(first.name)  # it may be waited for, and the engine is opened meanwhile
            elif not self._several:
                try:
                    early = self._prepare(first)
                except InputError:
                    if self.stopped:
                        return
                    raise
                stack.callback(early.abandon)
            records = [stack.enter_context(sink) for sink in open_records(settings)]
            viewers = [stack.enter_context(sink) for sink in open_viewers(settings, self.telemetry, self.state, self.stop, self.mark)]
            segmenter = stack.enter_context(load_segmenter(settings.model, settings.engine, settings.precision, settings.band))
            self._engine = segmenter.engine
            self.state.engine_opened(EngineFacts.of(segmenter.engine))
            self._listener.engine_opened(segmenter.engine)
            segmenter.engine.share_cores()
            segmenter.warm_up()
            stack.callback(self._write_report)
            for source in sources:
                if self.stopped:
                    return
                try:
                    yield from self._process(early or self._prepare(source), segmenter, records, viewers)
                except (InputError, ProcessingError) as error:
                    if self.stopped and isinstance(error, InputError):
                        return  # it was closed while it was being opened
                    if not self._several:
                        raise
                    self.refused += isinstance(error, InputError)
                    self.failed += isinstance(error, ProcessingError)
                    self._listener.source_failed(error)

    def stop(self) -> None:
        """Ends the run in order, from another thread: no more is captured, what was captured is finished, no further source is begun."""
        self.stopped = True
        pipeline, source = self._pipeline, self._current
        if pipeline is not None:
            pipeline.stop()
        elif source is not None:
            source.close()

    def mark(self, reason: str) -> None:
        """Asks for a clip of this moment, where `events` is set and a source is open. From any thread; returns at once.

        Args:
            reason: in words, for the clip's records.
        """
        for sink in self._encoded:
            sink.mark(reason)

    def fail(self, error: ProcessingError) -> None:
        """Ends the run at once with this error, from another thread: what is under way is given up, and what was finished is kept."""
        if (pipeline := self._pipeline) is not None:
            pipeline.fail(error)

    @property
    def live(self) -> bool:
        """Whether the source that is processed now is live."""
        pipeline = self._pipeline
        return pipeline is not None and pipeline.live

    def report(self) -> Report | None:
        """The latency of all that was processed so far; None where nothing was."""
        if self._engine is None or not self.telemetry.processed:
            return None
        facts = EngineFacts.of(self._engine)
        name = self._names[0] if len(self._names) == 1 else str(self.settings.source)
        return Report(self.telemetry.figures(), facts, machine_facts(), SourceFacts(name, tuple(self._names), self._live))

    def _prepare(self, source: Source) -> Prepared:
        """Opens a source and its outputs."""
        source.on_event = partial(self._source_event, source)
        source = self._current = selected(source, self.settings)
        self.state.source_opening(source.name)
        try:
            return self._places.prepare(source)
        except BaseException:
            self._end_source()
            raise

    def _process(
        self, prepared: Prepared, segmenter: Segmenter, records: Sequence[Sink], viewers: Sequence[Sink]
    ) -> Generator[FrameResult, None, None]:
        settings, source, sinks = self.settings, prepared.source, prepared.sinks
        try:
            with prepared.stack:
                prepared.begun = True
                self._names.append(source.info.name)
                self._live |= source.info.live
                threshold = segmenter.threshold if settings.threshold is None else round(255 * settings.threshold)
                self._encoded = [sink for sink in sinks if isinstance(sink, EncodedSink)]
                drawn = settings.output != "none" or settings.events is not None or bool(viewers)
                overlay = Overlay(birds_eye=settings.birds_eye) if drawn else None
                self._pipeline = Pipeline(
                    *(source, segmenter, self._estimator(source), self.telemetry),
                    overlay=overlay,
                    threshold=threshold,
                    keep_undrawn=any(sink.wants_undrawn for sink in sinks),
                    limit=settings.limit if source.info.live else None,
                )
                self._listener.source_opened(source)
                self.state.source_opened(source.info)
                outputs = Outputs((*viewers, *records, *sinks), source.info.live)  # who looks at it first: they take no time
                with closing(self._pipeline.results()) as results:
                    for result in results:
                        self.state.note(result)
                        outputs.write(result)
                        yield result
                outputs.check()
        finally:
            self._end_source()
        self._listener.source_finished([(kind, path) for kind, path in prepared.written if path.exists()])

    def _end_source(self) -> None:
        self._current = self._pipeline = None
        self._encoded = []
        self.state.source_ended()

    def _source_event(self, source: Source, event: Event) -> None:
        self.state.source_event(event)
        self._listener.source_event(source, event)

    def _estimator(self, source: Source) -> LaneEstimator:
        """A source's own: one that tracks lanes over the road, or for images one that looks at each by itself."""
        if self._make_estimator is not None:
            return self._make_estimator()
        if self.settings.no_track or source.info.kind == "images":
            return PerFrameEstimator()
        # A recording gives the same results each time; what a camera has shown of its mount serves its next run.
        store = default_store() if source.info.live else None
        return TrackingEstimator(self._camera, self.settings.height, self._vehicle, store)

    def _write_report(self) -> None:
        report = self.report()
        if report is not None and self.settings.report is not None:
            write_report(self.settings.report, report)
