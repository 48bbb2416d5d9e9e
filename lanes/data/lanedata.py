"""Reads the `lanedata` layout: labelled frames of several sources under one index.

index.csv                 source, split, sequence, stem, width, height, ...
sources.json              {source: what its labels mean}, as `lanes.data.statement` has it
<source>/images/<stem>.jpg
<source>/masks/<stem>.png     non-zero = lane marking
<source>/ignore/<stem>.png    non-zero = not known; optional
<source>/ids/<stem>.png       class of each pixel; optional
<source>/polylines.json       {stem: {"lines": [[[x, y], ...], ...]}}; optional

A source of which sources.json says nothing is skipped with a warning.
"""

from __future__ import annotations

import csv
import logging
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lanes.arrays import Mask
from lanes.data.frames import Format, Polyline, as_polyline, inside, read_image, read_json
from lanes.data.statement import EXAMPLE, StatedFrame, Statement, parse_statement
from lanes.errors import InputError

STATEMENTS = "sources.json"

LIGHT_AND_WEATHER = {"day", "dawn", "dusk", "night", "tunnel", "rain", "snow", "fog", "overcast", "glare"}
"""Words that make a note of the index a condition, alone or joined by `or`, `and` or commas; other notes say nothing of it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LanedataFrame(StatedFrame):
    """One row of the index.

    Attributes:
        statement: what the source says of itself.
        width: of the image, pixels; 0 where the index does not say.
        note: what the index notes of the frame.
    """

    statement: Statement = field(repr=False, compare=False)
    width: int = 0
    note: str = ""

    @property
    def image_path(self) -> Path:
        return self._file("images", "jpg")

    @property
    def condition(self) -> str:
        words = set(re.split(r"[,\s]+", self.note)) - {"or", "and", ""}
        noted = bool(words) and words <= LIGHT_AND_WEATHER
        return self.note if noted else self.statement.conditions.get(self.drive, "")

    def polylines(self) -> list[Polyline] | None:
        path = self.root / self.source / "polylines.json"
        label = _read_polylines(path).get(self.stem) if path.exists() else None
        if label is None:
            return None
        drawn_on = self.statement.polygon_width
        scale = self.width / drawn_on if self.width and drawn_on else 1.0
        try:
            return [as_polyline(line, f"{path}: {self.stem}") * scale for line in label["lines"]]
        except (KeyError, TypeError):
            raise InputError(f"{path}: {self.stem} has no lists of lines of points") from None

    def label(self, width: int, height: int) -> tuple[Mask, Mask | None]:  # noqa: ARG002 - the mask has its size
        mask = read_image(self._file("masks", "png"), cv2.IMREAD_GRAYSCALE)
        ignore = self._file("ignore", "png")
        if ignore.exists():
            return mask, read_image(ignore, cv2.IMREAD_GRAYSCALE)
        return mask, np.where(mask > 0, 0, 255).astype(np.uint8) if self.statement.incomplete else None

    def uncertain(self) -> Mask | None:
        if not self.statement.ids_to_ignore:
            return None
        ids = read_image(self._file("ids", "png"), cv2.IMREAD_GRAYSCALE)
        return np.isin(ids, self.statement.ids_to_ignore).astype(np.uint8) * 255

    def _file(self, folder: str, suffix: str) -> Path:
        return self.root / self.source / folder / f"{self.stem}.{suffix}"


def _list_frames(root: Path) -> list[LanedataFrame]:
    index = root / "index.csv"
    statements = read_json(root / STATEMENTS) if (root / STATEMENTS).exists() else None
    if not isinstance(statements, dict):
        raise InputError(
            f"{root} has no {STATEMENTS} that says what its labels mean: write one, an object for each source, for example "
            f'{{"my_roads": {EXAMPLE}}} (the keys stand in docs/training.md)'
        )
    known: dict[str, Statement] = {}
    skipped: dict[str, str] = {}
    frames = []
    with index.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.DictReader(file)
        missing = {"source", "split", "sequence", "stem"} - set(rows.fieldnames or ())
        if missing:
            raise InputError(f"{index} has no column {min(missing)}; its first line must name source, split, sequence and stem")
        for row in rows:
            source = row["source"] or ""
            if source not in known | skipped:
                try:
                    inside(root, source, f"{index}:{rows.line_num}")
                    known[source] = parse_statement(statements.get(source), f"{root / STATEMENTS}: {source}")
                except InputError as error:
                    skipped[source] = str(error)
            if source in known:
                frames.append(_frame(root, row, known[source], f"{index}:{rows.line_num}"))
    if skipped and not frames:
        raise InputError(next(iter(skipped.values())))
    for source, why in skipped.items():
        logger.warning("source %s is skipped: %s", source, why)
    return frames


def _frame(root: Path, row: dict[str, str], statement: Statement, where: str) -> LanedataFrame:
    stem = inside(root, row["stem"] or "", where)
    width, note = row.get("width") or "", (row.get("note") or "").strip()
    drive = row["source"] if statement.one_split else row["sequence"]
    pixels = int(width) if width.isdecimal() else 0
    return LanedataFrame(root, row["source"], row["split"], drive, str(stem), statement, pixels, note)


@lru_cache(maxsize=8)
def _read_polylines(path: Path) -> dict[str, Any]:
    lines = read_json(path)
    if not isinstance(lines, dict):
        raise InputError(f"{path} is no JSON object of frames")
    return lines


FORMAT = Format(
    "lanedata",
    "index.csv, sources.json and, for each source, images/ and masks/",
    lambda root: (root / "index.csv").is_file(),
    _list_frames,
)
