"""Where the outputs of each source lie: as the settings name them, numbered where two sources are called the same."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lanes.capture.address import public_address
from lanes.capture.source import Colour, Source, SourceInfo
from lanes.errors import InputError, OutputError
from lanes.files import check_distinct, check_file, check_folder, check_is_folder
from lanes.output import default_output, open_outputs
from lanes.output.benchmark_files import TuSimpleSink
from lanes.output.encoder import Encoder
from lanes.output.live.recording import check_recording
from lanes.output.live.segments import Limits
from lanes.output.mcap_file import SUFFIX, check_mcap
from lanes.output.records import RecordsSink
from lanes.output.sink import Sink
from lanes.output.still import StillSink
from lanes.settings import Settings

if TYPE_CHECKING:
    from lanes.geometry.camera_file import CameraFile


@dataclass
class Prepared:
    """A source and its outputs, open.

    Attributes:
        source: closed by `stack`, after the outputs.
        sinks: closed by `stack`.
        written: what they write that the user is told of, kind and path.
        stack: closes all of it.
        begun: frames may have been written. Before, `abandon` leaves nothing behind.
    """

    source: Source
    sinks: list[Sink]
    written: list[tuple[str, Path]]
    stack: ExitStack
    begun: bool = False

    def abandon(self) -> None:
        """Closes what was never begun, and leaves nothing behind under an output's name; else does nothing."""
        if not self.begun:
            for sink in self.sinks:
                with suppress(OutputError):
                    sink.discard()
            self.stack.close()


class Places:
    """The places of one run's outputs.

    Args:
        settings: those of the run.
        several: whether it has more than one source; then `output`, `masks`, `culane` and `mcap` are folders of folders or files.
        camera: what its file says, for outputs that hold it.
    """

    def __init__(self, settings: Settings, several: bool, camera: CameraFile | None = None) -> None:
        self._settings, self._several, self._camera = settings, several, camera
        self._claimed: set[Path] = set()
        self._address = settings.output if settings.output is not None and is_address(settings.output) else None
        self._limits = Limits(settings.segment_time, settings.segment_size, settings.keep_size)
        if several and self._address is not None:
            raise InputError(f"{public_address(self._address)}: one source is sent there, not several; give one")
        if several and settings.output not in (None, "none"):
            check_is_folder(Path(str(settings.output)))
        if settings.mcap is not None:
            check_mcap(settings.mcap / "any.mcap" if several else settings.mcap)
            if several and settings.mcap.suffix.lower() == SUFFIX:
                raise InputError(f"{settings.mcap}: of several sources each gets a file; give a folder")

    def prepare(self, source: Source) -> Prepared:
        """Opens a source and its outputs.

        Raises:
            InputError: the source cannot be opened, its picture has another shape than the camera's, or one of the outputs cannot be
                written; nothing is left behind.
        """
        with ExitStack() as stack:
            stack.enter_context(source)
            if self._camera is not None:
                self._camera.for_size(source.info.width, source.info.height)
            sinks, written = self.open(source.info, stack)
            return Prepared(source, sinks, written, stack.pop_all())

    def check_live(self, name: str) -> None:
        """Refuses the outputs of a camera or an address as far as that can be done before it is there: it may be waited for.

        Args:
            name: the source's.

        Raises:
            InputError: one of them cannot be written, or the encoder does not work here.
        """
        settings = self._settings
        output, _ = self._overlay_of(SourceInfo(name, "stream", 0, 0, None, None, live=True))
        self._claimed.clear()  # nothing is opened yet
        if output is not None:
            check_recording(output, self._limits, settings.overwrite)
        for folder, overwrite in ((settings.masks, settings.overwrite), (settings.culane, True), (settings.events, True)):
            if folder is not None:
                check_folder(folder, overwrite=overwrite)
        if settings.mcap is not None:
            check_file(settings.mcap, overwrite=settings.overwrite)
        if settings.encoder != "auto" and any((output, self._address, settings.events, settings.mcap)):
            Encoder((640, 384), Fraction(30), Fraction(1, 30), Colour(), Fraction(1), settings.encoder).close()

    def open(self, info: SourceInfo, stack: ExitStack) -> tuple[list[Sink], list[tuple[str, Path]]]:
        """Opens the outputs of one source, to be closed by the stack.

        Returns:
            The sinks, and what they write that the user is told of: kind and path.

        Raises:
            InputError: one of them cannot be written; nothing is left behind.
        """
        settings = self._settings
        inputs = info.file.files if info.file else ()
        output, still = self._overlay_of(info)
        for path in (settings.records, settings.tusimple, settings.report, still):
            if path is not None:
                check_file(path, inputs, overwrite=True)
        mcap = self._of(settings.mcap, f"{Path(info.name).stem}{SUFFIX}")
        sinks = open_outputs(
            info,
            output=output,
            masks=self._of(settings.masks, Path(info.name).stem),
            culane=self._of(settings.culane, Path(info.name).stem),
            mcap=mcap,
            events=self._of(settings.events, Path(info.name).stem),
            address=self._address,
            limits=self._limits,
            camera=self._camera,
            overwrite=settings.overwrite,
            encoder=settings.encoder,
        )
        if still is not None:
            sinks.append(StillSink(still, at=(info.frames or 1) // 2))
        for sink in sinks:
            stack.enter_context(sink)
        if output is not None and (settings.segment_time is not None or settings.segment_size is not None):
            output = output.parent
        return sinks, [(kind, path) for kind, path in (("overlay", output), ("still", still), ("mcap", mcap)) if path is not None]

    def _of(self, place: Path | None, name: str) -> Path | None:
        """The place of one source's output: a name in it where there are several sources."""
        return self._unclaimed(place / name) if place is not None and self._several else place

    def _overlay_of(self, info: SourceInfo) -> tuple[Path | None, Path | None]:
        """Where the overlay goes, and the demo's still image. A demo finds a free name: who runs it twice wants no refusal."""
        output = self._settings.output
        if output == "none" or self._address is not None:
            return None, None
        if output is None and self._settings.source is None:
            path = default_output(info)
            for number in itertools.count(2):
                still = path.with_suffix(".png")
                if self._settings.overwrite or not (path.exists() or still.exists()):
                    return path, still
                path = path.with_name(f"{Path(info.name).stem}_lanes-{number}.mp4")
        if output is None:
            return self._unclaimed(default_output(info)), None
        return (self._unclaimed(Path(output) / default_output(info).name) if self._several else Path(output)), None

    def _unclaimed(self, path: Path) -> Path:
        """The path, numbered where another source of this run has it already."""
        free, number = path, 1
        while free in self._claimed:
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        self._claimed.add(free)
        return free


def is_address(output: str) -> bool:
    """Whether the overlay is sent somewhere, not written to a file."""
    return "://" in output


def open_records(settings: Settings) -> list[Sink]:
    """What is written across the sources of a run: one file for all of them.

    Raises:
        InputError: one of them cannot be written, or another run writes it.
    """
    sinks: list[Sink] = []
    try:
        if settings.records is not None:
            sinks.append(RecordsSink(settings.records, overwrite=settings.overwrite))
        if settings.tusimple is not None:
            sinks.append(TuSimpleSink(settings.tusimple, overwrite=settings.overwrite))
    except BaseException:
        for sink in sinks:
            sink.discard()
        raise
    return sinks


def check_paths(settings: Settings) -> None:
    """Refuses paths for what is written across sources that cannot be written, and any path that is named twice. Raises InputError."""
    output = None if settings.output is None or settings.output == "none" or is_address(settings.output) else Path(settings.output)
    if output is None and settings.output is not None and (settings.segment_time or settings.segment_size):
        raise InputError("--segment-time and --segment-size cut a recording into files: give --output FILE")
    others = (settings.masks, settings.records, settings.tusimple, settings.culane, settings.mcap, settings.events, settings.report)
    check_distinct([path for path in (output, *others) if path is not None])
    for path in (settings.records, settings.tusimple, settings.report):
        if path is not None:
            check_file(path, overwrite=settings.overwrite)
