"""The page that shows an evaluation: scores, curves over every threshold, calibration, and the frames that went worst."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lanes.arrays import BGRImage
from lanes.data.frames import LabelledFrame
from lanes.evaluate.pixels import TOLERANCE_PX, PixelCounts, count_pixels, dilate, tolerance
from lanes.evaluate.probability import BINS, LEVELS, precision_recall, reliability
from lanes.evaluate.run import Evaluation
from lanes.evaluate.scores import SCORES, lane_rows, probability_rows, score_rows, sweep_rows
from lanes.html.page import picture, plot, table, write_page
from lanes.segment.segmenter import Segmenter

WORST = 4
"""Frames shown of each source."""

RIGHT, MISSED, FALSE = (80, 220, 60), (60, 60, 255), (255, 0, 255)
TRUTH, SAID = (0, 220, 255), (0, 120, 255)
"""Colours, BGR."""

LARGE, SMALL = 1000, 520
"""Greatest width of the pictures, pixels."""

STYLE = """
.grouped td:nth-child(2), .grouped th:nth-child(2) { text-align: left; }
tr.mean td { font-weight: 600; } tr.part td { color: var(--dim); }
.frame { display: grid; grid-template-columns: 2fr 1fr; gap: .5rem; margin: 0 0 1.6rem; }
.frame img { height: 100%; object-fit: cover; } .frame > :first-child { grid-row: span 2; } .frame figcaption { grid-column: 1 / -1; }
b.right { color: #2a9d3c; } b.missed { color: #ff3c3c; } b.false { color: #d0f; } b.truth { color: #c8a800; } b.said { color: #f07000; }
.warning { border-left: 4px solid #d9902f; padding-left: .8rem; }
"""


def evaluation_page(found: Evaluation, segmenter: Segmenter, facts: Mapping[str, Any]) -> str:
    """The page as HTML, complete in itself: no other file and no network is needed to show it.

    Args:
        found: the evaluation.
        segmenter: that made it; it looks at the worst frames once more, to draw them.
        facts: `model` (name, precision, engine), `data` and `split`.

    Raises:
        InputError: a frame cannot be read any more.
    """
    model, mean = facts["model"], next(row for source, _, row in score_rows(found) if source == "mean")
    title = f"{model['name']} on {facts['data']}, split {facts['split']}"
    several = len(found.sources) > 1
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Relaxed F1 <b>{mean['relaxed_f1']:.3f}</b>, IoU <b>{mean['iou']:.3f}</b>"
        f"{', mean over ' + str(len(found.sources)) + ' sources,' if several else ''} on {mean['frames']} frames.</p>",
        f"<p class=dim>{escape(model['precision'])} in {escape(model['engine'])}; a pixel is lane where its probability is above "
        f"{found.threshold / (LEVELS - 1):.2f}. Pixels that the labels do not know count neither for nor against.</p>",
        "<h2>Scores by source and condition</h2>",
        _scores(found),
        "<p class=dim>IoU and Dice are to the pixel. Relaxed: a predicted pixel is right when a true one lies within "
        f"{TOLERANCE_PX} px (at a width of 1280), and the reverse. False area: share of the frame that is predicted further than three "
        "times that from any true pixel. The mean is over sources, without weights.</p>",
        *_lanes(found),
        "<h2>Every threshold</h2>",
        plot(draw_sweep(found), "Relaxed F1, IoU, relaxed precision and relaxed recall at every threshold"),
        _advice(found),
        "<h2>Precision and recall</h2>",
        plot(draw_precision_recall(found), "Precision against recall, by source"),
        "<p class=dim>Dots: the threshold in use. A label that runs on through the gaps between dashes counts the gaps as lane, and "
        "holds down the recall of a model that marks paint.</p>",
        "<h2>Does the probability mean what it says?</h2>",
        plot(draw_reliability(found), "Share of pixels that are lane against the predicted probability, and pixels by probability"),
        _probability(found),
        "<p class=dim>Expected calibration error: mean distance of probability and share, over all pixels, and over those "
        f"of probability 1/{BINS} and more, for nearly all of a road is surely no lane and hides the rest. Brier: mean squared difference "
        "of probability and truth; its skill is 1 at best and 0 for a model that knows no more than how much of the picture is lane.</p>",
        "<h2>The worst frames</h2>",
        f"<p class=dim>Of each source the {WORST} of least relaxed F1. Large: <b class=right>right</b>, <b class=missed>missed</b>, "
        "<b class=false>false</b>, within the tolerance; what the labels do not know is darkened. "
        "Small: the <b class=truth>truth</b>, and the <b class=said>prediction</b>.</p>",
        *_worst(found, segmenter),
    ]
    return write_page(title, body, STYLE)


# --- tables ----------------------------------------------------------------------------------------------------------


def _scores(found: Evaluation) -> str:
    rows, kinds = [], []
    for source, condition, row in score_rows(found):
        values = [f"{row[score]:.2%}" if score == "false_area" else f"{row[score]:.3f}" for score in SCORES]
        rows.append([source, condition, str(row["frames"]), *values])
        kinds.append("mean" if source == "mean" else "" if source else "part")
    return _grouped(table(["source", "condition", "frames", *(_words(score) for score in SCORES)], rows, kinds))


def _grouped(rows: str) -> str:
    return f"<div class=grouped>{rows}</div>"


def _probability(found: Evaluation) -> str:
    rows = probability_rows(found)
    cells = [[source, *(f"{value:.4f}" for value in row.values())] for source, row in rows.items()]
    head = ["source", "average precision", "calibration error", "the same, p ≥ 1/15", "Brier", "Brier skill"]
    return table(head, cells, [*[""] * (len(rows) - 1), "mean"])


def _lanes(found: Evaluation) -> list[str]:
    rows, kinds = [], []
    for source, conditions in lane_rows(found).items():
        for condition, row in conditions.items():
            values = [*row["tusimple"].values(), *(row["culane"][name] for name in ("f1", "precision", "recall"))]
            whole = condition == "all"
            rows.append([source if whole else "", condition, str(row["frames"]), *(f"{value:.3f}" for value in values)])
            kinds.append("" if whole else "part")
    if not rows:
        return []
    head = ["source", "condition", "frames", "TuSimple accuracy", "FP", "FN", "CULane F1", "precision", "recall"]
    return [
        "<h2>Lanes as lines</h2>",
        _grouped(table(head, rows, kinds)),
        "<p class=dim>The curves found in the mask against the labelled lines. TuSimple: share of rows within 20 px across the lane, and "
        "shares of false and of missed lanes. CULane: lanes 30 px wide on 1640x590, matched at an IoU above 0.5.</p>",
    ]


def _advice(found: Evaluation) -> str:
    """What the sweep would choose, and why not to."""
    curve = sweep_rows(found)["mean"]["relaxed_f1"]
    best = int(np.argmax(curve))
    return (
        f"<p class=warning>Relaxed F1 is greatest, {curve[best]:.3f}, at {best / (LEVELS - 1):.2f}; the threshold in use gives "
        f"{curve[found.threshold]:.3f}. A threshold must not be chosen on the frames that it is reported on: choose it on drives of the "
        "training split, and report it here.</p>"
    )


def _words(score: str) -> str:
    return {"iou": "IoU", "dice": "Dice", "relaxed_f1": "relaxed F1"}.get(score, score.replace("_", " "))


# --- plots -----------------------------------------------------------------------------------------------------------


def draw_sweep(found: Evaluation) -> Figure:
    """Four scores at every threshold, by source."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    thresholds = np.arange(LEVELS) / (LEVELS - 1)
    sweep = sweep_rows(found)
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    for axes, score in zip(panels, ("relaxed_f1", "iou", "relaxed_precision", "relaxed_recall"), strict=True):
        for index, (source, row) in enumerate(sweep.items()):
            # At the last threshold nothing is predicted.
            style: dict[str, Any] = {"color": "black", "linewidth": 2.2} if source == "mean" else {"color": f"C{index}", "linewidth": 1.3}
            axes.plot(thresholds[:-1], row[score][:-1], label=source, **style)
        axes.axvline(found.threshold / (LEVELS - 1), color="0.5", linestyle=":", linewidth=1.2)
        axes.set(title=_words(score), ylim=(0, 1), xlim=(0, 1))
        axes.grid(alpha=0.3)
    for axes in panels[2:]:
        axes.set_xlabel("threshold (dotted: in use)")
    panels[0].legend(frameon=False, fontsize=9, loc="lower center", ncols=2)
    return figure


def draw_precision_recall(found: Evaluation) -> Figure:
    """Precision against recall, to the pixel and within the tolerance, by source."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    strict, relaxed = figure.subplots(1, 2, sharey=True)
    averages, sweep = probability_rows(found), sweep_rows(found)
    for index, (source, counts) in enumerate(found.sources.items()):
        colour, chosen = f"C{index}", counts.levels.at(found.threshold)
        precision, recall = precision_recall(counts.levels)
        strict.plot(recall, precision, color=colour, label=f"{source}: average precision {averages[source]['average_precision']:.3f}")
        strict.plot(chosen.recall, chosen.precision, "o", color=colour)
        # At the last threshold nothing is predicted.
        relaxed.plot(sweep[source]["relaxed_recall"][:-1], sweep[source]["relaxed_precision"][:-1], color=colour)
        relaxed.plot(chosen.relaxed_recall, chosen.relaxed_precision, "o", color=colour)
    strict.set(title="to the pixel", xlabel="recall", ylabel="precision")
    relaxed.set(title="within the tolerance", xlabel="relaxed recall", ylabel="relaxed precision")
    for axes in (strict, relaxed):
        axes.set(xlim=(0, 1), ylim=(0, 1.01))
        axes.grid(alpha=0.3)
    strict.legend(frameon=False, fontsize=9, loc="lower left")
    return figure


def draw_reliability(found: Evaluation) -> Figure:
    """Reliability diagram by source, and how many pixels each bin holds."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    diagram, amount = figure.subplots(1, 2)
    diagram.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1, label="calibrated")
    for index, (source, counts) in enumerate(found.sources.items()):
        bins = reliability(counts.levels)
        diagram.plot(bins.probability, bins.lane, marker="o", markersize=3.5, color=f"C{index}", label=source)
        edges = np.linspace(0, 1, BINS + 1)
        amount.stairs(bins.pixels / max(1, bins.pixels.sum()), edges, color=f"C{index}", linewidth=1.4)
    diagram.set(xlabel="mean probability of the bin", ylabel="share that is lane", xlim=(0, 1), ylim=(0, 1))
    amount.set(xlabel="probability", ylabel="share of pixels", yscale="log", xlim=(0, 1))
    for axes in (diagram, amount):
        axes.grid(alpha=0.3)
    diagram.legend(frameon=False, fontsize=9)
    return figure


# --- frames ----------------------------------------------------------------------------------------------------------


def _worst(found: Evaluation, segmenter: Segmenter) -> list[str]:
    parts = []
    for source, frames in found.worst(WORST).items():
        parts.append(f"<h3>{escape(source)}</h3>")
        parts += [_frame(frame, segmenter, found.threshold) for frame in frames]
    return parts


def _frame(frame: LabelledFrame, segmenter: Segmenter, threshold: int) -> str:
    pixels, truth, ignore = frame.read_as_labelled()
    mask = (segmenter(pixels) > threshold).astype(np.uint8)
    counts = count_pixels(mask, truth, ignore)
    pictures = [
        _inside(draw_errors(pixels, mask, truth, ignore), LARGE),
        _inside(_painted(pixels, truth > 0, TRUTH), SMALL),
        _inside(_painted(pixels, mask > 0, SAID), SMALL),
    ]
    names = (f"{frame.stem}: right, missed and false", "truth", "prediction")
    shown = "".join(picture(one, name, 80) for one, name in zip(pictures, names, strict=True))
    return f"<figure class=frame>{shown}<figcaption>{escape(_caption(frame, counts))}</figcaption></figure>"


def _caption(frame: LabelledFrame, counts: PixelCounts) -> str:
    name = ", ".join(filter(None, (frame.stem, frame.condition)))
    return (
        f"{name}: relaxed F1 {counts.relaxed_f1:.3f} (precision {counts.relaxed_precision:.3f}, recall {counts.relaxed_recall:.3f}), "
        f"IoU {counts.iou:.3f}, false area {counts.false_area:.2%}"
    )


def draw_errors(pixels: BGRImage, mask: BGRImage, truth: BGRImage, ignore: BGRImage | None) -> BGRImage:
    """Where a mask is right, missing and false, within the tolerance, over the frame in grey.

    All uint8, (H, W) but `pixels` and what comes back, (H, W, 3) BGR.
    """
    known = np.ones(truth.shape, bool) if ignore is None else ignore == 0
    said, true = (mask > 0) & known, (truth > 0) & known
    radius = tolerance(truth.shape[1])
    # In grey, or the colours of the picture would compete with those of the verdict.
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) * np.where(known, 1.0, 0.35)
    drawn = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    near = dilate(true, radius)
    for where, colour in ((true & ~dilate(said, radius), MISSED), (said & near, RIGHT), (said & ~near, FALSE)):
        drawn[where] = colour
    return drawn


def _painted(pixels: BGRImage, where: NDArray[np.bool_], colour: tuple[int, int, int]) -> BGRImage:
    painted: BGRImage = pixels.copy()
    painted[where] = colour
    return painted


def _inside(pixels: BGRImage, width: int) -> BGRImage:
    """The picture, made smaller where it is wider than `width`."""
    if pixels.shape[1] <= width:
        return pixels
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
