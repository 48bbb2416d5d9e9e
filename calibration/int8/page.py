"""The page that shows what quantising did: fp32 and int8 side by side, and what each layer costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.int8.frame_sets import subsample
from calibration.int8.inference import iou
from calibration.int8.report import CalibrationReport
from lanes.arrays import BGRImage
from lanes.html.page import embed_image, render, table

if TYPE_CHECKING:
    from markupsafe import Markup

WORST, OTHERS = 3, 5
"""Frames shown: those in which int8 and fp32 differ in most pixels, and some spread over the rest."""

LANE = (80, 220, 60)
LOST = (60, 60, 255)
GAINED = (255, 200, 0)
"""Colours, BGR, of lane, of lane that only fp32 detects, and of lane that only int8 detects."""


def calibration_page(report: CalibrationReport) -> str:
    """The page as HTML, complete in itself: no other file and no network is needed to show it.

    Raises:
        InputError: Jinja2 is missing.
    """
    return render(
        "calibration.html.j2",
        title=f"{report.name} in int8",
        summary=report.summary[0].upper() + report.summary[1:],
        calibrated=len(report.sets.calibration),
        validated=len(report.sets.validation),
        tested=len(report.sets.test),
        labelled=report.sets.labelled,
        latency=_latency(report),
        engine=report.engine,
        engines=", ".join(f"{name} (IoU {value:.4f})" for name, value in report.engines.items()),
        calibrators=_calibrators(report),
        worst=WORST,
        frames=[_frame(report, index) for index in _examples(report)],
        layers=_layers(report),
    )


def _latency(report: CalibrationReport) -> Markup:
    rows = [
        [precision, f"{milliseconds:.1f} ms", f"{milliseconds / report.latency['int8']:.2f}"]
        for precision, milliseconds in report.latency.items()
    ]
    return table(["precision", "a frame", "times int8"], rows)


def _calibrators(report: CalibrationReport) -> Markup:
    sources = list(report.calibrators["fp32"].f1)
    rows, kinds = [], []
    for name, score in report.calibrators.items():
        f1 = [f"{value:.4f}" for value in ([score.mean_f1, *score.f1.values()] if sources else [])]
        rows.append([name, *f1, f"{score.agreement:.4f}"])
        kinds.append("strong" if name == report.calibrator else "")
    return table(["", *(["relaxed F1", *sources] if sources else []), "IoU with fp32"], rows, kinds)


def _layers(report: CalibrationReport) -> Markup:
    from markupsafe import Markup

    costs = sorted(report.layers, key=lambda cost: -cost.error)
    most = max(cost.error for cost in costs) or 1.0
    bar = Markup('<span class="bar" style="width:{:.0f}%"></span>')
    rows = [
        [
            cost.layer.name,
            f"{cost.share:.1%}",
            f"{cost.error:.2f}",
            f"{cost.agreement:.4f}",
            "int8" if cost.quantised else "fp32",
            bar.format(100 * cost.error / most),
        ]
        for cost in costs
    ]
    head = ("layer", "share of work", "error, of 255", "IoU with fp32", "runs in", "")
    return table(head, rows, ["" if cost.quantised else "float" for cost in costs])


def _masks(report: CalibrationReport, index: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return report.fp32_maps[index] > report.threshold, report.maps[index] > report.threshold


def _examples(report: CalibrationReport) -> list[int]:
    """Indices of the frames to show, the worst first; frames in which neither detects lane are left out."""
    shown = [index for index in range(len(report.maps)) if any(mask.any() for mask in _masks(report, index))]
    differing = {index: np.count_nonzero(np.logical_xor(*_masks(report, index))) for index in shown}
    worst = sorted(shown, key=lambda index: -differing[index])[:WORST]
    return [*worst, *subsample([index for index in shown if index not in worst], OTHERS)]


def _frame(report: CalibrationReport, index: int) -> tuple[list[Markup], str]:
    """The images of a frame, side by side, and its caption."""
    frame = report.sets.test[index]
    fp32, int8 = _masks(report, index)
    dimmed = cv2.addWeighted(frame.image, 0.45, np.zeros_like(frame.image), 0.55, 0).astype(np.uint8)
    both = _painted(dimmed, fp32 & int8, (110, 110, 110))
    images = {
        "fp32": _painted(frame.image, fp32, LANE),
        "int8": _painted(frame.image, int8, LANE),
        "where they differ": _painted(_painted(both, _dilate(fp32 & ~int8), LOST), _dilate(int8 & ~fp32), GAINED),
    }
    return [embed_image(image, name, 82) for name, image in images.items()], f"{frame.name}: IoU {iou(fp32, int8):.3f}"


def _dilate(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _painted(image: BGRImage, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> BGRImage:
    painted: BGRImage = image.copy()
    painted[mask] = colour
    return painted
