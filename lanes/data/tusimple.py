"""Reads TuSimple's lane detection challenge: US highways in good weather, the last frame of each clip labelled.

label_data_0313.json ...      a JSON object a line: raw_file, lanes (x of each line), h_samples (the rows); x = -2: no line in this row
clips/<day>/<clip>/20.jpg     the images, 1280x720

At most five lines are labelled, usually two a side, each as one polyline through gaps and behind vehicles.
Format: https://github.com/TuSimple/tusimple-benchmark/tree/master/doc/lane_detection
Split as in the field (https://github.com/Turoad/lanedet/blob/main/lanedet/datasets/tusimple.py): the drives of 31 May are `val`,
`test_label.json` is `test`. Other names of label files: those with `val` in them are `val`, and where there are none, whole drives are
held back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lanes.data.frames import Format, Polyline, as_polyline, inside, split_by_drive
from lanes.data.polylines import PolylineFrame
from lanes.errors import InputError

SOURCE = "tusimple"


@dataclass(frozen=True, slots=True)
class TuSimpleFrame(PolylineFrame):
    """One line of a label file.

    Attributes:
        raw_file: the image, relative to the root.
        lanes: x of each line in each row of `h_samples`, pixels; negative = the line is not there. As the file has it, unchecked.
        h_samples: rows, pixels.
        where: label file and line, for messages.
    """

    raw_file: str
    lanes: Any = field(repr=False, compare=False)
    h_samples: Any = field(repr=False, compare=False)
    where: str = field(compare=False)

    @property
    def licence(self) -> str:
        return "TuSimple lane detection challenge: Apache 2.0 as its repository states"

    @property
    def image_path(self) -> Path:
        return self.root / self.raw_file

    def polylines(self) -> list[Polyline]:
        try:
            lanes = [[float(x) for x in lane] for lane in self.lanes]
            rows = [float(y) for y in self.h_samples]
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{self.where}: lanes or h_samples are not lists of numbers") from None
        for number, lane in enumerate(lanes):
            if len(lane) != len(rows):
                raise InputError(f"{self.where}: lane {number} has {len(lane)} values for {len(rows)} h_samples")
        # A comparison that NaN passes too: as_polyline refuses it.
        lines = [as_polyline([(x, y) for x, y in zip(lane, rows, strict=True) if not x < 0], self.where) for lane in lanes]
        return [line for line in lines if len(line)]  # a lane of nothing but -2 pads the list


def _label_files(root: Path) -> list[Path]:
    return sorted(path for pattern in ("label_data*.json", "test_label*.json") for path in root.glob(pattern))


def _split(path: Path) -> str:
    if path.name.startswith("test"):
        return "test"
    return "val" if "0531" in path.name or "val" in path.name else "train"


def _list_frames(root: Path) -> Sequence[TuSimpleFrame]:
    frames = [frame for path in _label_files(root) for frame in _read_labels(root, path)]
    if any(frame.split == "val" for frame in frames):
        return frames
    test = [frame for frame in frames if frame.split == "test"]
    return split_by_drive([frame for frame in frames if frame.split != "test"]) + test


def _read_labels(root: Path, path: Path) -> list[TuSimpleFrame]:
    frames = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                label = json.loads(line)
                raw_file, lanes, h_samples = label["raw_file"], label["lanes"], label["h_samples"]
            except (ValueError, TypeError, KeyError):
                raise InputError(f"{where} is no JSON object with raw_file, lanes and h_samples") from None
            name = inside(root, str(raw_file), where)
            drive = name.parts[-3] if len(name.parts) >= 3 else str(name.parent)
            frames.append(TuSimpleFrame(root, SOURCE, _split(path), drive, str(name.with_suffix("")), str(name), lanes, h_samples, where))
    return frames


FORMAT = Format("TuSimple", "label_data_*.json beside clips/", lambda root: bool(_label_files(root)), _list_frames)
