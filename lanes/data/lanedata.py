"""Reads the `lanedata` layout: labelled frames of several sources under one index.

index.csv                 source, split, sequence, stem, width, height, ...
<source>/images/<stem>.jpg
<source>/masks/<stem>.png     non-zero = lane marking
<source>/ignore/<stem>.png    non-zero = not known; optional
<source>/ids/<stem>.png       class of each pixel; optional
<source>/polylines.json       {stem: {"lines": [[[x, y], ...], ...]}}; optional
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lanes.data.frames import Format, LabelledFrame, Mask, Polyline, as_polyline, inside, read_image
from lanes.data.labels import LabelDefinition
from lanes.errors import InputError

DEFINITIONS = {
    "camvid": LabelDefinition.ALL_PAINT,
    "roboflow_ego": LabelDefinition.EGO_PAINT,
    "udacity_ego": LabelDefinition.EGO_CONTINUOUS,
    "ceymo_lines": LabelDefinition.ALL_PAINT,
    "curvelanes_mini": LabelDefinition.ALL_CONTINUOUS,
}

LICENCES = {
    "camvid": "CamVid: research use",
    "roboflow_ego": "Roboflow lane-detection-segmentation: CC BY 4.0 as its uploader states",
    "udacity_ego": "Udacity Advanced Lane Finding: MIT",
    "ceymo_lines": "CeyMo frames, labelled as Roboflow road-mark: CC BY 4.0 as its uploader states",
    "curvelanes_mini": "CurveLanes: research use",
}
"""What the makers of each source allow."""

UNCERTAIN_IDS = {"camvid": (11, 30), "ceymo_lines": (2,)}
"""Classes that the mask decides one way and a lane mask might decide the other: non-driving markings and void, arrows."""

CONDITIONS = ("day", "dusk", "dusk or tunnel", "night", "rain")
"""What the index may note of a frame's light and weather; other notes say nothing of them."""

DRIVE_CONDITIONS = {"0006R0": "day", "0016E5": "day", "0001TP": "dusk"}
"""The same for drives of which the index notes nothing: CamVid's, from its paper (Brostow et al. 2009)."""

POLYLINE_WIDTHS = {"curvelanes_mini": 1280}
"""Width of the pictures whose pixels a source's polylines count, where the pictures in the folder are scaled."""


@dataclass(frozen=True, slots=True)
class LanedataFrame(LabelledFrame):
    """One row of the index.

    Attributes:
        width: of the picture, pixels; 0 where the index does not say.
        note: what the index notes of the frame.
    """

    width: int = 0
    note: str = ""

    @property
    def definition(self) -> LabelDefinition:
        return DEFINITIONS[self.source]

    @property
    def licence(self) -> str:
        return LICENCES[self.source]

    @property
    def picture(self) -> Path:
        return self._file("images", "jpg")

    @property
    def condition(self) -> str:
        return self.note if self.note in CONDITIONS else DRIVE_CONDITIONS.get(self.sequence, "")

    def polylines(self) -> list[Polyline] | None:
        path = self.root / self.source / "polylines.json"
        label = _read_polylines(path).get(self.stem) if path.exists() else None
        if label is None:
            return None
        scale = self.width / POLYLINE_WIDTHS[self.source] if self.width and self.source in POLYLINE_WIDTHS else 1.0
        try:
            return [as_polyline(line, f"{path}: {self.stem}") * scale for line in label["lines"]]
        except (KeyError, TypeError):
            raise InputError(f"{path}: {self.stem} has no lists of lines of points") from None

    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:  # noqa: ARG002 - the mask has its size
        mask = read_image(self._file("masks", "png"), cv2.IMREAD_GRAYSCALE)
        ignore = self._file("ignore", "png")
        return mask, read_image(ignore, cv2.IMREAD_GRAYSCALE) if ignore.exists() else None

    def uncertain(self) -> Mask | None:
        if self.source not in UNCERTAIN_IDS:
            return None
        ids = read_image(self._file("ids", "png"), cv2.IMREAD_GRAYSCALE)
        return np.isin(ids, UNCERTAIN_IDS[self.source]).astype(np.uint8) * 255

    def _file(self, folder: str, suffix: str) -> Path:
        return self.root / self.source / folder / f"{self.stem}.{suffix}"


def _list_frames(root: Path) -> list[LanedataFrame]:
    index = root / "index.csv"
    frames = []
    with index.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.DictReader(file)
        missing = {"source", "split", "sequence", "stem"} - set(rows.fieldnames or ())
        if missing:
            raise InputError(f"{index} has no column {min(missing)}; its first line must name source, split, sequence and stem")
        for row in rows:
            if row["source"] not in DEFINITIONS:
                raise InputError(
                    f"{index}: the label definition of source {row['source']!r} is not known; known are {', '.join(DEFINITIONS)}"
                )
            stem = inside(root, row["stem"] or "", f"{index}:{rows.line_num}")
            width, note = row.get("width") or "", (row.get("note") or "").strip()
            place = (row["source"], row["split"], row["sequence"], str(stem))
            frames.append(LanedataFrame(root, *place, int(width) if width.isdecimal() else 0, note))
    return frames


@lru_cache(maxsize=8)
def _read_polylines(path: Path) -> dict[str, Any]:
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(lines, dict):
        raise InputError(f"{path} is no JSON object of frames")
    return lines


FORMAT = Format("lanedata", "index.csv and, for each source, images/ and masks/", lambda root: (root / "index.csv").is_file(), _list_frames)
