"""Turns a folder into labelled frames, whatever format it has."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from lanes.data import bdd100k, camvid, comma10k, culane, folder, lanedata, tusimple
from lanes.data.frames import Format, LabelledFrame
from lanes.errors import RequestError

FORMATS = (lanedata.FORMAT, tusimple.FORMAT, culane.FORMAT, bdd100k.FORMAT, comma10k.FORMAT, camvid.FORMAT, folder.FORMAT)
"""The first that recognises a folder reads it: those with the most telling names come first."""


def list_frames(root: Path, split: str | None = None, sources: Collection[str] | None = None) -> list[LabelledFrame]:
    """The frames of a split (None = all) and of the named sources (None = all), in a fixed order.

    Args:
        root: a data set in any of `FORMATS`, or a folder of such data sets.
        split: `train`, `val` or `test`.
        sources: names, as `LabelledFrame.source` has them.

    Raises:
        RequestError: the folder is in no known format, or what its lists say is wrong.
    """
    frames = [frame for place, kind in recognise(root) for frame in kind.list_frames(place)]
    return [frame for frame in frames if split in (None, frame.split) and (sources is None or frame.source in sources)]


def recognise(root: Path) -> list[tuple[Path, Format]]:
    """The data sets in a folder: itself, or else those right below it. Raises RequestError where there are none."""
    if not root.is_dir():
        raise RequestError(f"{root} is no folder")
    places = [root] if _format(root) else sorted(place for place in root.iterdir() if place.is_dir())
    found = [(place, kind) for place in places if (kind := _format(place))]
    if not found:
        known = "; ".join(f"{kind.name}: {kind.layout}" for kind in FORMATS)
        raise RequestError(f"{root} is a data set in none of the known formats ({known})")
    return found


def _format(root: Path) -> Format | None:
    return next((kind for kind in FORMATS if kind.recognises(root)), None)
