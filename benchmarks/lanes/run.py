"""Runs the product over drives: the model in the loop, the pipeline's own stages, one measured frame after the other, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.lanes.drives import Drive
from benchmarks.lanes.render import fingerprint
from lanes.capture.source import Source
from lanes.files import write_atomically
from lanes.geometry.estimator import LaneEstimator
from lanes.pipeline import Pipeline
from lanes.results import FrameResult
from lanes.segment.segmenter import Segmenter
from lanes.telemetry.telemetry import Telemetry

LANES = Path(__file__).resolve().parents[2] / "lanes"
MEASURING = (
    *(LANES / name for name in ("geometry", "mount", "tracking", "departure", "segment")),
    *(Path(__file__).with_name(f"{name}.py") for name in ("drives", "estimators", "ground_truth", "measure", "parts", "replay", "roads")),
)
"""Packages and modules whose change makes a drive that was run before worthless."""


@dataclass(frozen=True)
class Kept:
    """Measured frames of drives on disk, a file each: what was run is not run again, unless the code or the model has changed.

    Attributes:
        folder: of the files. model: SHA-256 of the model file.
    """

    folder: Path
    model: str
    _code: tuple[str, ...] = field(default_factory=lambda: tuple(fingerprint(path) for path in MEASURING), repr=False)

    def holds(self, drive: Drive, what: str = "") -> bool:
        """Whether the rows of a drive are there; see `rows`."""
        return self._path(drive, what).exists()

    def _path(self, drive: Drive, what: str) -> Path:
        return self.folder / f"{drive.name}-{fingerprint(repr(drive), self.model, what, *self._code)}.jsonl"

    def rows(self, drive: Drive, make: Callable[[], Sequence[dict[str, Any]]], what: str = "") -> list[dict[str, Any]]:
        """The rows of a drive, made where they are not there. `what`: anything else that they depend on."""
        path = self._path(drive, what)
        if path.exists():
            return [json.loads(line) for line in path.read_text().splitlines()]
        rows = list(make())
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
        return rows


def results(source: Source, segmenter: Segmenter, estimator: LaneEstimator) -> Iterator[FrameResult]:
    """Every frame of a source, as `run_video.py` makes it of a file, nothing drawn. A result is valid until the next one is asked for."""
    with source:
        pipeline = Pipeline(source, segmenter, estimator, Telemetry(), overlay=None, threshold=segmenter.threshold)
        with closing(pipeline.results()) as found:
            yield from found
