"""From photographs to a report: which can be used, what camera they determine, and whether that is good enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calibration.camera.board import Board, Rejected, View, look, same_views
from calibration.camera.intrinsics import FEWEST, Solution, coverage, solve
from calibration.progress import show_progress
from lanes.errors import InputError
from lanes.geometry.camera_file import COEFFICIENTS, CameraFile, same_shape
from lanes.geometry.distortion import Distortion

LARGEST_RMS = 1.0
"""Pixels of reprojection error above which a camera is refused."""

FLAT_RMS = 0.5
"""The same above which the board is suspected not to be flat: sharp photographs of a flat one stay below it."""

LARGEST_FOCAL_STD = 0.02
"""Standard deviation of the focal lengths, as a share of them, above which a camera is refused: distances are wrong by as much."""

COVERED, LEAST_COVERED = 2 / 3, 1 / 3
"""Share of the picture's parts with corners in them below which there is a warning, and below which the camera is refused."""

MANY_VIEWS = 12
"""Views below which there is a warning."""


@dataclass(frozen=True, eq=False)
class Report:
    """What was found.

    Attributes:
        board: that was looked for.
        files: photographs that were looked at.
        rejected: those that cannot be used.
        size: (width, height) of the pictures, pixels; None where not one can be used.
        solution: of the calibration; None where there are too few views.
        cells: (rows, columns) corners in each part of the picture; None likewise.
        warnings: what makes the result less sure, in words.
        refusal: why there is no camera; empty where there is one.
    """

    board: Board
    files: int
    rejected: list[Rejected]
    size: tuple[int, int] | None = None
    solution: Solution | None = None
    cells: NDArray[np.int64] | None = None
    warnings: list[str] = field(default_factory=list)
    refusal: str = ""

    @property
    def covered(self) -> float:
        """Share of the picture's parts with corners in them."""
        return 0.0 if self.cells is None else float(np.count_nonzero(self.cells)) / self.cells.size

    @property
    def summary(self) -> str:
        """What the result rests on, as a clause."""
        if self.solution is None:
            return self.refusal
        kept, fit = len(self.solution.kept), self.solution.fit
        text = f"{kept} of {self.files} photographs, reprojection error {fit.rms:.2f} px RMS"
        if self.solution.dropped:
            count = len(self.solution.dropped)
            worst, they = ("worst view", "it") if count == 1 else (f"{count} worst views", "them")
            text += f" without the {worst}, {self.solution.fit_all.rms:.2f} px with {they}"
        return text

    def camera(self, name: str = "camera") -> CameraFile:
        """The camera, of whose mounting nothing is known.

        Raises:
            InputError: there is none, or it is none that can be used.
        """
        if self.refusal or self.solution is None:
            raise InputError(self.refusal)
        fit = self.solution.fit
        # To nine digits: what follows depends on the order in which threads add.
        values = {key: float(f"{value:.9g}") for key, value in fit.parameters.items()}
        return CameraFile(
            name,
            *fit.size,
            fx=values["fx"],
            fy=values["fy"],
            cx=values["cx"],
            cy=values["cy"],
            distortion=Distortion(*(values[coefficient] for coefficient in COEFFICIENTS)),
            intrinsics_std={key: float(f"{std:.4g}") for key, std in fit.std.items()},
            rms_px=float(f"{fit.rms:.4g}"),
        )


def examine(files: Sequence[Path], board: Board, console: Console) -> Report:
    """Looks at photographs and calibrates with those that can be used.

    Args:
        files: photographs.
        board: that they show.
        console: where progress goes.
    """
    looked = [look(file, board) for file in show_progress(files, "looking for the board", console, len(files))]
    rejected = [each for each in looked if isinstance(each, Rejected)]
    views, more = _usable([each for each in looked if isinstance(each, View)])
    rejected = sorted([*rejected, *more], key=lambda each: each.name)
    if len(views) < FEWEST:
        return Report(board, len(files), rejected, refusal=_too_few(len(views), len(files), rejected))
    size = _usual_size(views)
    try:
        solution = solve(views, board, size)
    except InputError as error:
        return Report(board, len(files), rejected, size, cells=coverage(views), refusal=str(error))
    report = Report(board, len(files), rejected, size, solution, coverage(solution.kept))
    report.warnings.extend(_warnings(report))
    return Report(board, len(files), rejected, size, solution, report.cells, report.warnings, _refusal(report))


def _usual_size(views: Sequence[View]) -> tuple[int, int]:
    """The size that most views have; of two, the larger."""
    counts = Counter(view.size for view in views)
    return max(counts, key=lambda size: (counts[size], size))


def _usable(views: list[View]) -> tuple[list[View], list[Rejected]]:
    """Views of one camera, each of them once.

    Pictures of another size than most are taken where they have the same shape, which is to say scaled; their corners then are, too.
    """
    if not views:
        return [], []
    rejected = []
    usual = _usual_size(views)
    for view in views:
        if not same_shape(view.size, usual):
            sizes = f"is {view.size[0]}x{view.size[1]} and most are {usual[0]}x{usual[1]}"
            rejected.append(Rejected(view.name, f"{sizes}: of another shape, so cut, turned or of another camera", "size", view.thumbnail))
    for view, other in same_views(views):
        rejected.append(Rejected(view.name, f"the same view as {other.name}, so it says nothing new", "twice", view.thumbnail))
    names = {each.name for each in rejected}
    return [view for view in views if view.name not in names], rejected


def _too_few(views: int, files: int, rejected: Sequence[Rejected]) -> str:
    kinds = Counter(each.kind for each in rejected)
    causes = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    usable = f"only {views}" if views else "none"
    text = f"{usable} of {files} photographs can be used, and {FEWEST} are needed" + (f" ({causes})" if causes else "")
    grids = Counter(each.grid for each in rejected if each.grid is not None and each.kind != "cut off")
    for grid, number in grids.most_common(1):
        if number <= files / 2:
            break
        return f"{text}: {number} show {grid[0]}x{grid[1]} inner corners, so give --board {grid[0]}x{grid[1]} if that is the board"
    return f"{text}: take sharp photographs of the whole board, in all parts of the picture, tilted differently in each"


def _warnings(report: Report) -> list[str]:
    assert report.solution is not None
    found = []
    if len(report.solution.kept) < MANY_VIEWS:
        found.append(f"only {len(report.solution.kept)} views: twelve to twenty give a surer result")
    if report.covered < COVERED:
        found.append(
            f"the boards cover {report.covered:.0%} of the picture: where there are none, above all in its corners, the lens is a guess"
        )
    if report.solution.fit.rms > FLAT_RMS:
        found.append(
            f"a reprojection error of {report.solution.fit.rms:.2f} px is more than a flat board in sharp photographs gives: fix the "
            "paper to something flat and stiff"
        )
    return found


def _refusal(report: Report) -> str:
    assert report.solution is not None
    fit = report.solution.fit
    if fit.rms > LARGEST_RMS:
        return (
            f"the reprojection error is {fit.rms:.2f} px RMS, above {LARGEST_RMS:g}: the board is not flat, the photographs are not all of "
            "one camera, or its zoom or focus changed between them"
        )
    if report.covered < LEAST_COVERED:
        return f"the boards cover only {report.covered:.0%} of the picture: take photographs with the board in all its parts, corners too"
    spread = max(fit.std[name] / fit.parameters[name] for name in ("fx", "fy"))
    if not 0 <= spread <= LARGEST_FOCAL_STD:
        return (
            f"the focal length is known to {abs(spread):.0%} only, where {LARGEST_FOCAL_STD:.0%} is needed: tilt the board by 20 to 40 "
            "degrees, to another side in each photograph, and take all with one camera and one zoom"
        )
    try:
        report.camera()
    except InputError as error:
        return str(error)
    return ""
