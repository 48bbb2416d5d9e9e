"""RecordsSink: one JSON object a line for each frame."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from lanes.errors import InputError, OutputError
from lanes.files import check_file, make_folder
from lanes.output.claim import Claim
from lanes.output.sink import Sink
from lanes.results import Calibration, Ego, Estimate, FrameResult, Lane


class RecordsSink(Sink):
    """Writes `make_record` of each result as JSON Lines (https://jsonlines.org), UTF-8. Each line is out before the next.

    Args:
        path: the file. It appears with the first record.
        inputs: files that must not be written over.
        overwrite: replace an existing file.

    Raises:
        InputError: the file cannot be written, or another run writes it.
    """

    def __init__(self, path: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
        self._path = path
        self._overwrite = overwrite
        self._file: TextIO | None = None
        self._failed = False
        self._claim = Claim(path)
        try:
            check_file(path, inputs, overwrite)
        except BaseException:
            self.close()
            raise

    def write(self, result: FrameResult) -> None:
        if self._failed:
            return
        try:
            if self._file is None:
                make_folder(self._path.parent)
                self._file = self._path.open("w" if self._overwrite else "x", encoding="utf-8", newline="\n")
            # One write a line, so that a reader never sees half of one. NaN is no JSON.
            self._file.write(json.dumps(make_record(result), allow_nan=False, separators=(",", ":")) + "\n")
            self._file.flush()
        except (OSError, InputError) as error:
            self._failed = True
            why = error.strerror if isinstance(error, OSError) else error
            raise OutputError(f"{self._path}: cannot write on ({why}); the lines before frame {result.frame.index} are kept") from error

    def close(self) -> None:
        file, self._file = self._file, None
        gone = False
        with suppress(OSError):  # the line that did not fit was reported by `write`
            if file is not None:
                gone = not self._failed and not os.fstat(file.fileno()).st_nlink
                file.close()
        self._claim.release()
        if gone:
            raise OutputError(f"{self._path}: was taken away while it was being written; its lines are lost")


def make_record(result: FrameResult) -> dict[str, Any]:
    """A frame's line of `--records`, of JSON's types. Metric values have a `<name>_std` beside them; what is not known is null."""
    frame = result.frame
    record: dict[str, Any] = {
        "frame": frame.index,
        "source": frame.source,
        "time_s": round(frame.time_s, 6),
        "dropped_before": frame.dropped_before,
        "lanes": [_lane(lane) for lane in result.lanes],
        "ego": None if result.ego is None else _ego(result.ego),
        "calibration": None if result.calibration is None else _calibration(result.calibration),
        "departure": result.departure,
        "band": None if result.band is None else list(result.band),
        "latency_ms": {stage: round(ms, 3) for stage, ms in result.latency_ms.items()},
    }
    if result.departure_why:
        record["departure_why"] = result.departure_why
    if frame.cut:
        record["cut"] = True
    if frame.suspect:
        record["suspect"] = True
    return record


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "id": lane.id,
        "position": lane.position,
        "type": lane.type,
        "points": np.round(lane.points.astype(np.float64), 1).tolist(),
        "confidence": round(float(lane.confidence), 3),
        "held_s": round(lane.held_s, 3),
    }


def _ego(ego: Ego) -> dict[str, Any]:
    values = {"offset_m": ego.offset_m, "width_m": ego.width_m, "curvature_per_m": ego.curvature_per_m, "heading_rad": ego.heading_rad}
    return _estimates(values)


def _calibration(calibration: Calibration) -> dict[str, Any]:
    values = {
        "pitch_rad": calibration.pitch_rad,
        "yaw_rad": calibration.yaw_rad,
        "roll_rad": calibration.roll_rad,
        "height_m": calibration.height_m,
    }
    return {"state": calibration.state} | _estimates(values)


def _estimates(values: Mapping[str, Estimate | None]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, estimate in values.items():
        found[name] = None if estimate is None else round(estimate.value, 6)
        found[f"{name}_std"] = None if estimate is None else round(estimate.std, 6)
    return found
