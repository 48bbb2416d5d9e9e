"""Intrinsics from views of a board: fit, standard deviations, the views that are dropped, and how much of the picture they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera.board import Board, View
from lanes.errors import InputError
from lanes.geometry.camera_file import INTRINSICS

FEWEST = 8
"""Views without which nothing is calibrated: the parameters would fit the errors of each."""

DROP_ABOVE = 2.0
"""The worst view is dropped while its error is more than that many times the median view's. Good photographs differ by less; one that is
worse has a fault of its own, such as a bent board or a camera that moved."""

DROP_ERROR = 0.3
"""Pixels of error below which no view is dropped: corners are not placed more exactly than that in photographs."""

DROP_SHARE = 0.2
"""Share of the views that may be dropped. Where more are as bad, what is wrong is common to them."""

GROUPS = 20
"""Groups of views that are left out in turn for the standard deviations, at most."""

CELLS = (6, 4)
"""The picture is divided into so many columns and rows to say how much of it the boards cover."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What calibrating with some views gave.

    Attributes:
        size: (width, height) of the picture, pixels.
        parameters: value of each of `INTRINSICS`.
        std: standard deviation of each.
        rms: reprojection error over all corners, pixels.
        errors: (V,) that of each view.
        residuals: (V, N, 2) pixels, found minus reprojected.
    """

    size: tuple[int, int]
    parameters: dict[str, float]
    std: dict[str, float]
    rms: float
    errors: NDArray[np.float64]
    residuals: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """The views that were kept and dropped, and the fit with the former and, where some were dropped, with all."""

    kept: list[View]
    dropped: list[tuple[View, float]]
    fit: Fit
    fit_all: Fit


def solve(views: Sequence[View], board: Board, size: tuple[int, int]) -> Solution:
    """Calibrates, drops the worst views by the rule of `DROP_ABOVE`, and calibrates again.

    Args:
        views: at least `FEWEST`.
        size: (width, height) of the picture that the parameters are for; the views have its shape.

    Raises:
        InputError: the views determine no camera.
    """
    kept = list(views)
    corners = [view.corners_in(size) for view in kept]
    fit = fit_all = _fit(corners, board, size)
    dropped: list[tuple[View, float]] = []
    while len(kept) > FEWEST and len(dropped) + 1 <= DROP_SHARE * len(views):
        worst = int(fit.errors.argmax())
        if fit.errors[worst] <= max(DROP_ABOVE * np.median(fit.errors), DROP_ERROR):
            break
        dropped.append((kept.pop(worst), float(fit.errors[worst])))
        del corners[worst]
        fit = _fit(corners, board, size)
    with_std = _with_std(fit, corners, board)
    return Solution(kept, dropped, with_std, _with_std(fit_all, [view.corners_in(size) for view in views], board) if dropped else with_std)


def coverage(views: Sequence[View]) -> NDArray[np.int64]:
    """(rows, columns) of `CELLS`: corners in each part of the picture."""
    columns, rows = CELLS
    places = np.concatenate([(view.corners + 0.5) / view.size for view in views])
    cells = np.clip((places * (columns, rows)).astype(int), 0, (columns - 1, rows - 1))
    counts = np.zeros((rows, columns), np.int64)
    np.add.at(counts, (cells[:, 1], cells[:, 0]), 1)
    return counts


def _fit(corners: Sequence[NDArray[np.float32]], board: Board, size: tuple[int, int]) -> Fit:
    points = board.points(1.0)
    try:
        _, matrix, lens, turns, places, spread, *_ = cv2.calibrateCameraExtended(
            [points] * len(corners),
            [each.reshape(-1, 1, 2) for each in corners],
            size,
            None,
            None,  # type: ignore[call-overload]
        )
    except cv2.error as error:
        raise InputError(f"these photographs determine no camera ({error.err}); tilt the board, differently in each") from None
    values = np.concatenate([matrix[[0, 1, 0, 1], [0, 1, 2, 2]], np.ravel(lens)[:5]])
    if not np.isfinite(values).all():
        raise InputError("these photographs determine no camera; tilt the board, differently in each")
    reprojected = [
        cv2.projectPoints(points, turn, place, matrix, lens)[0].reshape(-1, 2) for turn, place in zip(turns, places, strict=True)
    ]
    residuals = np.stack(corners).astype(np.float64) - np.stack(reprojected)
    # In words of its own, for versions of OpenCV have summed a view's errors in more than one way.
    squares = (residuals**2).sum(axis=2)
    std = dict(zip(INTRINSICS, np.ravel(spread)[: len(INTRINSICS)].tolist(), strict=True))
    return Fit(
        size,
        dict(zip(INTRINSICS, values.tolist(), strict=True)),
        std,
        float(np.sqrt(squares.mean())),
        np.sqrt(squares.mean(axis=1)),
        residuals,
    )


def _with_std(fit: Fit, corners: Sequence[NDArray[np.float32]], board: Board) -> Fit:
    """The fit with honest standard deviations: of each parameter the larger of two.

    The fit's own take the errors of all corners for independent. A board that is not flat bends a view's corners together, which only
    shows when views are left out: the jackknife, by groups of views.
    """
    groups = min(GROUPS, len(corners))
    estimates = []
    for group in range(groups):
        rest = [each for index, each in enumerate(corners) if index % groups != group]
        estimates.append(list(_fit(rest, board, fit.size).parameters.values()))
    spread = np.array(estimates) - np.mean(estimates, axis=0)
    jackknife = np.sqrt((groups - 1) / groups * (spread**2).sum(axis=0))
    larger = np.maximum(jackknife, list(fit.std.values()))
    return Fit(fit.size, fit.parameters, dict(zip(INTRINSICS, larger.tolist(), strict=True)), fit.rms, fit.errors, fit.residuals)
