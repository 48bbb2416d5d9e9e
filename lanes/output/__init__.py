"""Outputs: one file a kind, behind `Sink`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lanes.capture.source import SourceInfo
from lanes.errors import InputError
from lanes.files import check_is_folder
from lanes.output.images import ImagesSink
from lanes.output.masks import MasksSink
from lanes.output.sink import Sink
from lanes.output.video import VideoSink

__all__ = ["Sink", "default_output", "open_outputs"]


def default_output(info: SourceInfo) -> Path:
    """Where the overlay goes when nobody says: `outputs/<name>_lanes.mp4`, or a folder `outputs/<name>_lanes` for images."""
    name = Path(info.name).stem if info.file and info.file.path else info.name
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip("._") or "video"
    return Path("outputs") / (f"{name}_lanes" if info.kind == "images" else f"{name}_lanes.mp4")


def open_outputs(
    info: SourceInfo,
    *,
    output: Path | None = None,
    masks: Path | None = None,
    overwrite: bool = False,
) -> list[Sink]:
    """The sinks of a request, or a refusal that leaves nothing behind.

    Args:
        info: of the source; none of its files is written over.
        output: the overlay, a `.mp4`, or a folder if the source is images; None for none.
        masks: folder for the masks; None for none.
        overwrite: replace what is there.

    Raises:
        InputError: one of them cannot be written, or two are the same.
    """
    files = info.file.files if info.file else ()
    places = [place.absolute() for place in (output, masks) if place is not None]
    if len(set(places)) < len(places):
        raise InputError(f"{places[0]}: two outputs have the same place; give each its own")
    makers: list[Callable[[], Sink]] = []
    if masks is not None:
        makers.append(lambda: MasksSink(masks, files, overwrite))
    if output is not None:
        if info.kind == "images" and output.suffix.lower() != ".mp4":
            check_is_folder(output)
            makers.append(lambda: ImagesSink(output, files, overwrite))
        else:
            makers.append(lambda: VideoSink(output, info, overwrite))
    sinks: list[Sink] = []
    try:
        for make in makers:
            sinks.append(make())
    except BaseException:
        for sink in sinks:
            sink.discard()
        raise
    return sinks
