"""Outputs: one file a kind, behind `Sink`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lanes.capture.source import SourceInfo
from lanes.files import check_distinct, check_is_folder, shortened
from lanes.output.benchmark_files import CULaneSink
from lanes.output.images import ImagesSink
from lanes.output.live.encoded import EncodedSink, is_recorded
from lanes.output.live.segments import Limits
from lanes.output.masks import MasksSink
from lanes.output.mcap_file import McapSink
from lanes.output.newest import NewestSink
from lanes.output.sink import Policy, Sink
from lanes.output.video import VideoSink

if TYPE_CHECKING:
    from lanes.geometry.camera_file import CameraFile

__all__ = ["NewestSink", "Policy", "Sink", "default_output", "open_outputs"]

_LONGEST_STEM = 240
"""Bytes: a file name may have 255 on most file systems, and a number and a suffix follow."""


def default_output(info: SourceInfo) -> Path:
    """Where the overlay goes when nobody says: `outputs/<name>_lanes.mp4`, or a folder `outputs/<name>_lanes` for images."""
    name = Path(info.name).stem if info.file and info.file.path else info.name
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip("._") or "video"
    name = f"{shortened(name, _LONGEST_STEM - len('_lanes'))}_lanes"
    return Path("outputs") / (name if info.kind == "images" else f"{name}.mp4")


def open_outputs(
    info: SourceInfo,
    *,
    output: Path | None = None,
    masks: Path | None = None,
    culane: Path | None = None,
    mcap: Path | None = None,
    events: Path | None = None,
    address: str | None = None,
    limits: Limits | None = None,
    camera: CameraFile | None = None,
    overwrite: bool = False,
    encoder: str = "auto",
) -> list[Sink]:
    """The sinks of a request, or a refusal that leaves nothing behind.

    Args:
        info: of the source; none of its files is written over.
        output: the overlay, a `.mp4`, or a folder if the source is images; None for none.
        masks: folder for the masks; None for none.
        culane: folder for the lanes in CULane's format; None for none.
        mcap: all on one time line, a `.mcap`; None for none.
        events: folder for the clips of events; None for none.
        address: where the overlay of a live source is sent to; None for nowhere.
        limits: of the files of a live recording.
        camera: for `mcap`: the camera's intrinsics, where they are known.
        overwrite: replace what is there.
        encoder: of the video, one of `lanes.output.encoder.ENCODERS`.

    Raises:
        InputError: one of them cannot be written, two are the same, another run writes there, the encoder does not work here, or what
            is asked for needs a live source.
    """
    files = info.file.files if info.file else ()
    check_distinct([path for path in (output, masks, culane, mcap, events) if path is not None])
    recorded = is_recorded(info, limits) and output is not None
    makers: list[Callable[[], Sink]] = []
    if masks is not None:
        makers.append(lambda: MasksSink(masks, files, overwrite))
    if culane is not None:
        makers.append(lambda: CULaneSink(culane, files, overwrite))
    if mcap is not None:
        makers.append(lambda: McapSink(mcap, info, overwrite, encoder, camera))
    if output is not None:
        if info.kind == "images" and output.suffix.lower() != ".mp4":
            check_is_folder(output)
            makers.append(lambda: ImagesSink(output, files, overwrite))
        elif not recorded:
            makers.append(lambda: VideoSink(output, info, overwrite, encoder))
    if recorded or events is not None or address is not None:
        makers.append(lambda: EncodedSink.open(info, output if recorded else None, address, events, limits, overwrite, encoder))
    sinks: list[Sink] = []
    try:
        for make in makers:
            sinks.append(make())
    except BaseException:
        for sink in sinks:
            sink.discard()
        raise
    return sinks
