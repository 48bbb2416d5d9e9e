"""The page that shows what quantising did: fp32 and int8 side by side, and what each layer costs."""

from __future__ import annotations

from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.int8.frames import spread
from calibration.int8.gate import iou
from calibration.int8.report import Report
from lanes.html.page import picture, table, write_page

Picture = NDArray[np.uint8]

WORST, OTHERS = 3, 5
"""Frames shown: those in which int8 and fp32 differ in most pixels, and some spread over the rest."""

LANE = (80, 220, 60)
LOST = (60, 60, 255)
GAINED = (255, 200, 0)
"""Colours, BGR, of lane, of lane that only fp32 sees, and of lane that only int8 sees."""

STYLE = """
tr.kept td { font-weight: 600; } td.bar { width: 12rem; }
td.bar i { display: block; height: .7rem; background: var(--bar); border-radius: 2px; } tr.float td.bar i { background: #c0392b; }
.frame { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem; margin: 0 0 1.2rem; }
.frame figcaption { grid-column: 1 / -1; } b.lost { color: #ff3c3c; } b.gained { color: #00a5d8; }
"""


def calibration_page(report: Report) -> str:
    """The page as HTML, complete in itself: no other file and no network is needed to show it."""
    material = report.material
    judged = "against their labels" if material.labelled else "against fp32, for want of labels"
    body = [
        f"<h1>{escape(report.name)} in int8</h1>",
        f"<p>{escape(report.summary[0].upper() + report.summary[1:])}.</p>",
        f"<p class=dim>Calibrated on {len(material.calibration)} frames, judged on {len(material.judges)} others {judged}; "
        "no drive is in both, but for drives that had to be cut.</p>",
        "<h2>Latency</h2>",
        _latency(report),
        "<h2>Calibrators</h2><p class=dim>All layers in int8, on the frames to judge on.</p>",
        _calibrators(report),
        "<h2>Side by side</h2>",
        '<p class=dim>fp32, int8, and where they differ: <b class="lost">only fp32</b> or <b class="gained">only int8</b> sees lane. '
        f"The first {WORST} are those in which they differ most; differences are drawn a pixel wider than they are.</p>",
        *(_frame(report, index) for index in _examples(report)),
        "<h2>Layers</h2><p class=dim>What comes of it when one layer is quantised and no other.</p>",
        _layers(report),
    ]
    return write_page(f"{report.name} in int8", body, STYLE)


def _latency(report: Report) -> str:
    rows = [
        [precision, f"{milliseconds:.1f} ms", f"{milliseconds / report.latency['int8']:.2f}"]
        for precision, milliseconds in report.latency.items()
    ]
    engines = ", ".join(f"{name} (IoU {value:.4f})" for name, value in report.engines.items())
    ran = f"<p class=dim>Median, the runs taking turns, in {escape(report.engine)}. The int8 file was run in {escape(engines)}.</p>"
    return table(["precision", "a frame", "times int8"], rows) + ran


def _calibrators(report: Report) -> str:
    sources = list(report.reference.f1)
    rows, kept = [], []
    for name, score in {"fp32": report.reference, **report.calibrators}.items():
        f1 = [f"{value:.4f}" for value in ([score.mean_f1, *score.f1.values()] if sources else [])]
        rows.append([name, *f1, f"{score.agreement:.4f}"])
        kept.append("kept" if name == report.calibrator else "")
    return table(["", *(["relaxed F1", *sources] if sources else []), "IoU with fp32"], rows, kept)


def _layers(report: Report) -> str:
    costs = sorted(report.layers, key=lambda cost: -cost.error)
    most = max(cost.error for cost in costs) or 1.0
    rows = []
    for cost in costs:
        bar = f'<td class=bar><i style="width:{100 * cost.error / most:.0f}%"></i></td>'
        cells = [cost.layer.name, f"{cost.share:.1%}", f"{cost.error:.2f}", f"{cost.agreement:.4f}", "int8" if cost.quantised else "fp32"]
        rows.append(
            f"<tr{'' if cost.quantised else ' class=float'}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + bar + "</tr>"
        )
    head = "".join(f"<th>{name}</th>" for name in ("layer", "share of work", "error, of 255", "IoU with fp32", "runs in", ""))
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _masks(report: Report, index: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return report.fp32_maps[index] > report.threshold, report.maps[index] > report.threshold


def _examples(report: Report) -> list[int]:
    """Indices of the frames to show, the worst first; frames in which neither sees lane show nothing."""
    seen = [index for index in range(len(report.maps)) if any(mask.any() for mask in _masks(report, index))]
    differing = {index: np.count_nonzero(np.logical_xor(*_masks(report, index))) for index in seen}
    worst = sorted(seen, key=lambda index: -differing[index])[:WORST]
    return [*worst, *spread([index for index in seen if index not in worst], OTHERS)]


def _frame(report: Report, index: int) -> str:
    sample = report.material.judges[index]
    fp32, int8 = _masks(report, index)
    dimmed = cv2.addWeighted(sample.picture, 0.45, np.zeros_like(sample.picture), 0.55, 0).astype(np.uint8)
    both = _painted(dimmed, fp32 & int8, (110, 110, 110))
    pictures = [
        _painted(sample.picture, fp32, LANE),
        _painted(sample.picture, int8, LANE),
        _painted(_painted(both, _wider(fp32 & ~int8), LOST), _wider(int8 & ~fp32), GAINED),
    ]
    caption = f"{sample.name}: IoU {iou(fp32, int8):.3f}"
    return f"<figure class=frame>{''.join(picture(one, '', 82) for one in pictures)}<figcaption>{escape(caption)}</figcaption></figure>"


def _wider(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _painted(picture: Picture, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> Picture:
    painted: Picture = picture.copy()
    painted[mask] = colour
    return painted
