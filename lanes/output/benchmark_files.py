"""Lanes as the benchmarks of TuSimple and CULane read them: `TuSimpleSink` and `CULaneSink`.

Both benchmarks ask for the two nearest boundaries on either side, so those further out are left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lanes.errors import InputError
from lanes.files import check_folder, same_path, write_atomically
from lanes.output.claim import Claim
from lanes.output.lines import LinesSink
from lanes.output.sink import Sink
from lanes.results import FrameResult, Lane

OUTERMOST = 2
"""The furthest position that is written."""

TUSIMPLE_HEIGHT = 720
TUSIMPLE_ROWS = range(160, 711, 10)
"""Rows in which TuSimple's labels of 1280x720 give x; in frames of another height, the rows at the same place."""

ABSENT = -2
"""x of a lane in a row that it does not pass through."""

COMPUTED = ("preprocess", "inference", "postprocess", "lanes")
"""The stages whose time is TuSimple's `run_time`: from a frame in memory to its lanes, without waiting."""


class TuSimpleSink(LinesSink):
    """Writes a line a frame: `raw_file`, `lanes`, `h_samples` and `run_time` in milliseconds.

    `raw_file` is the image's path as seen from the file's folder where the image lies below it, else as it was given. A frame of a video
    is `<name of the video>/<number in six digits>.jpg`.
    Format: https://github.com/TuSimple/tusimple-benchmark/tree/master/doc/lane_detection
    """

    def make(self, result: FrameResult) -> dict[str, Any]:
        height = result.frame.size[1]
        rows = np.unique(((np.array(TUSIMPLE_ROWS) + 0.5) * height / TUSIMPLE_HEIGHT).astype(int))
        lanes = [_at_rows(lane, rows) for lane in _nearest(result)]
        return {
            "raw_file": self._name(result),
            "lanes": [lane for lane in lanes if any(x != ABSENT for x in lane)],
            "h_samples": rows.tolist(),
            "run_time": round(sum(result.latency_ms.get(stage, 0.0) for stage in COMPUTED), 3),
        }

    def _name(self, result: FrameResult) -> str:
        frame = result.frame
        if frame.path is None:
            return f"{PurePath(frame.source).stem}/{frame.stem}.jpg"
        with suppress(ValueError):
            return frame.path.resolve().relative_to(self.path.parent.resolve()).as_posix()
        return frame.path.as_posix()


class CULaneSink(Sink):
    """Writes a file a frame, `<name>.lines.txt`: a line a boundary, `x y x y ...` in pixels, from the bottom upward; empty without any.

    The name is the image's path below the folder that all images have in common, or for a video the frame's number in six digits.
    Format: https://xingangpan.github.io/projects/CULane.html

    Args:
        folder: made with the first frame.
        inputs: the images.
        overwrite: replace what lies there.

    Raises:
        InputError: the folder cannot be written, another run writes there, it holds such files already or the images, beside which
            their labels lie.
    """

    def __init__(self, folder: Path, inputs: Sequence[Path] = (), overwrite: bool = False) -> None:
        self._folder = folder
        parents = sorted({str(path.parent.absolute()) for path in inputs})
        self._images = Path(os.path.commonpath(parents)) if parents else None
        self._claim = Claim(folder)
        try:
            check_folder(folder, (), overwrite=True)
            if any(same_path(folder, Path(parent)) for parent in parents):
                raise InputError(f"{folder}: is the folder of the input images; give another folder")
            found = next(folder.rglob("*.lines.txt"), None) if folder.is_dir() and not overwrite else None
            if found:
                raise InputError(f"{folder}: already holds lanes ({found.name}); give another folder, or --overwrite to replace them")
        except BaseException:
            self.close()
            raise

    def write(self, result: FrameResult) -> None:
        frame = result.frame
        name = Path(frame.stem)
        if frame.path is not None and self._images is not None:
            name = frame.path.absolute().relative_to(self._images).with_suffix("")
        lines = [" ".join(f"{x:.2f} {y:.2f}" for x, y in lane.points.tolist()) + "\n" for lane in _nearest(result)]
        write_atomically(self._folder / name.with_name(f"{name.name}.lines.txt"), "".join(lines))

    def close(self) -> None:
        self._claim.release()


def _nearest(result: FrameResult) -> list[Lane]:
    return [lane for lane in result.lanes if abs(lane.position) <= OUTERMOST]


def _at_rows(lane: Lane, rows: NDArray[np.int_]) -> list[float]:
    """x of a lane in each row, to a tenth of a pixel."""
    x, y = lane.points.astype(np.float64).T
    y = np.minimum.accumulate(y)
    at = np.round(np.interp(-rows, -y, x), 1)
    return [float(x) if passes else ABSENT for x, passes in zip(at, (rows <= y[0]) & (rows >= y[-1]), strict=True)]
