"""Turns a folder into labelled frames, whatever format it has."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path

from lanes.data import bdd100k, camvid, comma10k, culane, folder, lanedata, tusimple
from lanes.data.frames import Format, LabelledFrame
from lanes.errors import InputError

FORMATS = (lanedata.FORMAT, tusimple.FORMAT, culane.FORMAT, bdd100k.FORMAT, comma10k.FORMAT, camvid.FORMAT, folder.FORMAT)
"""The first that recognises a folder reads it: those with the most distinctive names come first."""

RESERVED = ("all", "mean", "synthetic")
"""What no source may be called: tables and mixes have lines of these names."""


def list_frames(root: Path, split: str | None = None, sources: Collection[str] | None = None) -> list[LabelledFrame]:
    """The frames of a split (None = all) and of the named sources (None = all), in a fixed order.

    `val` and `test` have no frames on which no score may be taken (`LabelledFrame.for_validation`).

    Args:
        root: a data set in any of `FORMATS`, or a folder of such data sets.
        split: `train`, `val` or `test`.
        sources: names, as `LabelledFrame.source` has them.

    Raises:
        InputError: the folder is in no known format, or what its lists say is wrong.
    """
    frames = [frame for folder, kind in recognise(root) for frame in _list(folder, kind)]
    for name in RESERVED:
        if any(frame.source == name for frame in frames):
            raise InputError(f"{root} has a source called {name!r}: that name is taken; give it another, as the name in dataset.json")
    frames = [frame for frame in frames if split in (None, frame.split) and (sources is None or frame.source in sources)]
    return frames if split not in ("val", "test") else [frame for frame in frames if frame.for_validation]


def recognise(root: Path) -> list[tuple[Path, Format]]:
    """The data sets in a folder: itself, or else those right below it. Raises InputError where there are none."""
    if not root.is_dir():
        raise InputError(f"{root} is no folder")
    folders = [root] if _format(root) else sorted(folder for folder in root.iterdir() if folder.is_dir())
    found = [(folder, kind) for folder in folders if (kind := _format(folder))]
    if not found:
        known = "; ".join(f"{kind.name}: {kind.layout}" for kind in FORMATS)
        raise InputError(f"{root} is a data set in none of the known formats ({known})")
    return found


def _list(folder: Path, kind: Format) -> Sequence[LabelledFrame]:
    """What a format finds in a folder. Raises InputError, also where its lists cannot be read at all."""
    try:
        return kind.list_frames(folder)
    except OSError as error:
        raise InputError(f"cannot read {error.filename or folder}: {error.strerror}") from None
    except (csv.Error, RecursionError) as error:
        raise InputError(f"{folder}: its lists cannot be read as {kind.name}: {error}") from None


def _format(root: Path) -> Format | None:
    return next((kind for kind in FORMATS if kind.recognises(root)), None)
