"""Reads the `lanedata` layout: labelled frames of several sources under one index.

index.csv                 source, split, sequence, stem, width, height, ...
<source>/images/<stem>.jpg
<source>/masks/<stem>.png     non-zero = lane marking
<source>/ignore/<stem>.png    non-zero = not known; optional
<source>/ids/<stem>.png       class of each pixel; optional
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.data.labels import LabelDefinition
from lanes.errors import RequestError

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
"""What the makers of each source allow; it goes into the metadata of every model trained on it."""

UNCERTAIN_IDS = {"camvid": (11, 30), "ceymo_lines": (2,)}
"""Classes that the mask decides one way and a lane mask might decide the other: non-driving markings and void, arrows."""


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """Where one labelled frame lies, and what its label means."""

    root: Path
    source: str
    split: str
    sequence: str
    stem: str

    @property
    def definition(self) -> LabelDefinition:
        """What the label marks."""
        return DEFINITIONS[self.source]

    def read_as_labelled(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Pixels (H, W, 3) BGR, mask (H, W) and ignore (H, W) or None, as the label gives them; all uint8 and of the picture's size.

        Raises:
            RequestError: a file is missing or broken, or mask and picture differ in size.
        """
        folder = self.root / self.source
        pixels = _read_image(folder / "images" / f"{self.stem}.jpg", cv2.IMREAD_COLOR)
        mask = _read_image(folder / "masks" / f"{self.stem}.png", cv2.IMREAD_GRAYSCALE)
        ignore_path = folder / "ignore" / f"{self.stem}.png"
        ignore = _read_image(ignore_path, cv2.IMREAD_GRAYSCALE) if ignore_path.exists() else None
        for name, label in (("mask", mask), ("ignore", ignore)):
            if label is not None and label.shape != pixels.shape[:2]:
                raise RequestError(
                    f"{folder.name}/{self.stem}: the {name} is {label.shape[1]}x{label.shape[0]} but the picture "
                    f"{pixels.shape[1]}x{pixels.shape[0]}; save it at the picture's size"
                )
        return pixels, mask, ignore

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8] | None]:
        """The same, with the classes that a lane mask might decide either way added to what is ignored."""
        pixels, mask, ignore = self.read_as_labelled()
        if self.source in UNCERTAIN_IDS:
            ids = _read_image(self.root / self.source / "ids" / f"{self.stem}.png", cv2.IMREAD_GRAYSCALE)
            uncertain = np.isin(ids, UNCERTAIN_IDS[self.source]).astype(np.uint8) * 255
            ignore = uncertain if ignore is None else ignore | uncertain
        return pixels, mask, ignore


def list_frames(root: Path, split: str | None = None, sources: Collection[str] | None = None) -> list[LabelledFrame]:
    """The frames of a split (None = all) and of the named sources (None = all), in the order of the index.

    Raises:
        RequestError: no index, or a source whose label definition is not known.
    """
    index = root / "index.csv"
    if not index.is_file():
        raise RequestError(f"{root} has no index.csv; give the folder that holds it")
    frames = []
    with index.open(newline="") as rows:
        for row in csv.DictReader(rows):
            if row["source"] not in DEFINITIONS:
                raise RequestError(
                    f"{index}: the label definition of source {row['source']!r} is not known; known are {', '.join(DEFINITIONS)}"
                )
            if split in (None, row["split"]) and (sources is None or row["source"] in sources):
                frames.append(LabelledFrame(root, row["source"], row["split"], row["sequence"], row["stem"]))
    return frames


def _read_image(path: Path, flags: int) -> NDArray[np.uint8]:
    if not path.is_file():
        raise RequestError(f"{path} is missing")
    image = cv2.imread(str(path), flags)
    if image is None:
        raise RequestError(f"{path} cannot be decoded as an image")
    return image.astype(np.uint8, copy=False)
