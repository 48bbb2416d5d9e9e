"""The page that shows what a calibration rests on: parameters, errors by view, coverage, and every rejected photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from calibration.camera.board import Rejected, View
from calibration.camera.examine import Report
from calibration.camera.intrinsics import CELLS, DROP_ABOVE, DROP_ERROR, DROP_SHARE, Fit
from lanes.html.page import embed_image, render, table

if TYPE_CHECKING:
    from markupsafe import Markup

UNITS = {"fx": "px", "fy": "px", "cx": "px", "cy": "px"}
"""Of the parameters; the coefficients of the lens have none."""

LONGER = 20
"""How many times as long as it is an error is drawn."""


def camera_page(report: Report, name: str) -> str:
    """The page as HTML, complete in itself: no other file and no network is needed to show it.

    Args:
        report: with or without a camera.
        name: of the camera.

    Raises:
        InputError: Jinja2 is missing.
    """
    solution = report.solution
    kept = [] if solution is None else list(zip(solution.kept, solution.fit.errors.tolist(), strict=True))
    dropped = [] if solution is None else solution.dropped
    return render(
        "camera.html.j2",
        title=f"Camera calibration: {name}",
        summary=report.summary[:1].upper() + report.summary[1:],
        refusal=report.refusal,
        warnings=report.warnings,
        size=report.size,
        board=str(report.board),
        rule=f"{DROP_ABOVE:g} times the median view's and {DROP_ERROR:g} px, for at most {DROP_SHARE:.0%} of the views",
        parameters=None if solution is None else _parameters(solution.fit, solution.fit_all if dropped else None),
        views=_views(kept, dropped),
        coverage=None if solution is None else _coverage(report),
        rejected=[_rejected(each) for each in report.rejected],
        used=[(_with_corners(view, report), f"{view.name}: {error:.2f} px") for view, error in sorted(kept, key=lambda each: -each[1])],
    )


def shown(value: float, std: float) -> tuple[str, str]:
    """A parameter and its deviation, both to the second digit of the deviation that says something."""
    digits = int(np.clip(1 - np.floor(np.log10(max(std, 1e-9))), 1, 6))
    return f"{value:.{digits}f}", f"{std:.{digits}f}"


def _parameters(fit: Fit, with_all: Fit | None) -> Markup:
    fits = [fit, *([with_all] if with_all is not None else [])]
    rows = []
    for name in fit.parameters:
        cells = [cell for each in fits for cell in shown(each.parameters[name], each.std[name])]
        rows.append([name, *cells, UNITS.get(name, "")])
    rows.append(["error", *(cell for each in fits for cell in (f"{each.rms:.2f}", "")), "px RMS"])
    heads = ["value", "std", "with all views", "std"][: 2 * len(fits)]
    return table(["", *heads, ""], rows)


def _views(kept: list[tuple[View, float]], dropped: list[tuple[View, float]]) -> Markup | None:
    from markupsafe import Markup

    if not kept:
        return None
    most = max(error for _, error in [*kept, *dropped]) or 1.0
    bar = Markup('<span class="bar" style="width:{:.0f}%"></span>')
    rows, kinds = [], []
    for group, kind in ((dropped, "dropped"), (kept, "")):
        for view, error in sorted(group, key=lambda each: -each[1]):
            size = f"{view.size[0]}x{view.size[1]}"
            rows.append(
                [view.name, f"{error:.2f}", bar.format(100 * error / most), f"{view.edge_px:.1f}", f"{view.square_px:.0f}", size, kind]
            )
            kinds.append(kind)
    return table(["photograph", "error, px", "", "edge, px", "square, px", "picture", ""], rows, kinds)


def _coverage(report: Report) -> dict[str, Any]:
    """What the template draws, in pixels of the picture: its parts, and every corner with its error."""
    assert report.solution is not None
    assert report.cells is not None
    fit, (columns, rows) = report.solution.fit, CELLS
    width, height = fit.size
    cells = [
        (column * width / columns, row * height / rows, int(report.cells[row, column])) for row in range(rows) for column in range(columns)
    ]
    marks = []
    for view, residuals in zip(report.solution.kept, fit.residuals, strict=True):
        corners = view.corners_in(fit.size)
        ends = corners + LONGER * residuals
        marks += [tuple(round(value, 1) for value in (*corner, *end)) for corner, end in zip(corners.tolist(), ends.tolist(), strict=True)]
    return {
        "width": width,
        "height": height,
        "cells": cells,
        "cell": (width / columns, height / rows),
        "marks": marks,
        "longer": LONGER,
        "share": f"{report.covered:.0%}",
    }


def _with_corners(view: View, report: Report) -> Markup:
    image = view.thumbnail.copy()
    scale = image.shape[1] / view.size[0]
    corners = ((view.corners + 0.5) * scale - 0.5).astype(np.float32).reshape(-1, 1, 2)
    cv2.drawChessboardCorners(image, report.board.size, corners, True)
    return embed_image(image, f"{view.name}, with the corners found", 80)


def _rejected(each: Rejected) -> tuple[Markup | None, str, str]:
    image = None if each.thumbnail is None else embed_image(each.thumbnail, each.name, 80)
    return image, each.name, each.cause
