"""The page that shows an evaluation: scores, curves over every threshold, calibration, and the worst frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.data.frames import LabelledFrame
from lanes.evaluate.pixels import TOLERANCE_PX, PixelCounts, count_pixels, dilate, tolerance
from lanes.evaluate.probability import BINS, LEVELS, precision_recall, reliability
from lanes.evaluate.run import Evaluation
from lanes.evaluate.scores import SCORES, lane_rows, probability_rows, score_rows, sweep_rows
from lanes.html.page import embed_image, plot, render, table
from lanes.segment.segmenter import Segmenter

if TYPE_CHECKING:
    from markupsafe import Markup

WORST = 4
"""Frames shown of each source."""

TRUE_POSITIVE, FALSE_NEGATIVE, FALSE_POSITIVE = (80, 220, 60), (60, 60, 255), (255, 0, 255)
GROUND_TRUTH, PREDICTION = (0, 220, 255), (0, 120, 255)
"""Colours, BGR."""

LARGE, SMALL = 1000, 520
"""Greatest width of the images, pixels."""


def evaluation_page(evaluation: Evaluation, segmenter: Segmenter, facts: Mapping[str, Any]) -> str:
    """The page as HTML, complete in itself: no other file and no network is needed to show it.

    Args:
        found: the evaluation.
        segmenter: that made it; it is run on the worst frames once more, to draw them.
        facts: `model` (name, precision, engine), `data` and `split`.

    Raises:
        InputError: a frame cannot be read any more, or Jinja2 is not installed.
    """
    model = facts["model"]
    sweep = sweep_rows(evaluation)["mean"]["relaxed_f1"]
    best = int(np.argmax(sweep))
    return render(
        "evaluation.html.j2",
        title=f"{model['name']} on {facts['data']}, split {facts['split']}",
        model=model,
        mean=next(row for source, _, row in score_rows(evaluation) if source == "mean"),
        source_count=len(evaluation.sources),
        threshold=evaluation.threshold / (LEVELS - 1),
        tolerance=TOLERANCE_PX,
        bins=BINS,
        scores=_scores(evaluation),
        lanes=_lanes(evaluation),
        sweep=plot(draw_sweep(evaluation), "Relaxed F1, IoU, relaxed precision and relaxed recall at every threshold"),
        f1=sweep[evaluation.threshold],
        best={"f1": sweep[best], "threshold": best / (LEVELS - 1)},
        precision_recall=plot(draw_precision_recall(evaluation), "Precision against recall, by source"),
        reliability=plot(draw_reliability(evaluation), "Share of pixels that are lane, and number of pixels, by probability"),
        probability=_probability(evaluation),
        worst={
            source: [_frame(frame, segmenter, evaluation.threshold) for frame in frames]
            for source, frames in evaluation.worst(WORST).items()
        },
        worst_count=WORST,
    )


def _scores(evaluation: Evaluation) -> Markup:
    rows, kinds = [], []
    for source, condition, row in score_rows(evaluation):
        values = [f"{row[score]:.2%}" if score == "false_area" else f"{row[score]:.3f}" for score in SCORES]
        rows.append([source, condition, str(row["frames"]), *values])
        kinds.append("strong" if source == "mean" else "" if source else "dim")
    return table(["source", "condition", "frames", *(_heading(score) for score in SCORES)], rows, kinds)


def _probability(evaluation: Evaluation) -> Markup:
    rows = probability_rows(evaluation)
    cells = [[source, *(f"{value:.4f}" for value in row.values())] for source, row in rows.items()]
    head = [
        "source",
        "average precision",
        "calibration error",
        f"from p = 1/{BINS} up",
        "Brier",
        "Brier skill",
    ]
    return table(head, cells, [*[""] * (len(rows) - 1), "strong"])


def _lanes(evaluation: Evaluation) -> Markup | None:
    """Lanes as lines; None where no source has them."""
    rows, kinds = [], []
    for source, conditions in lane_rows(evaluation).items():
        for condition, row in conditions.items():
            values = [*row["tusimple"].values(), *(row["culane"][name] for name in ("f1", "precision", "recall"))]
            whole = condition == "all"
            rows.append([source if whole else "", condition, str(row["frames"]), *(f"{value:.3f}" for value in values)])
            kinds.append("" if whole else "dim")
    head = ["source", "condition", "frames", "TuSimple accuracy", "FP", "FN", "CULane F1", "precision", "recall"]
    return table(head, rows, kinds) if rows else None


def _heading(score: str) -> str:
    return {"iou": "IoU", "dice": "Dice", "relaxed_f1": "relaxed F1"}.get(score, score.replace("_", " "))


# --- plots -----------------------------------------------------------------------------------------------------------


def draw_sweep(evaluation: Evaluation) -> Figure:
    """Four scores at every threshold, by source."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    thresholds = np.arange(LEVELS) / (LEVELS - 1)
    sweep = sweep_rows(evaluation)
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    for axes, score in zip(panels, ("relaxed_f1", "iou", "relaxed_precision", "relaxed_recall"), strict=True):
        for index, (source, row) in enumerate(sweep.items()):
            # At the last threshold nothing is predicted.
            style: dict[str, Any] = {"color": "black", "linewidth": 2.2} if source == "mean" else {"color": f"C{index}", "linewidth": 1.3}
            axes.plot(thresholds[:-1], row[score][:-1], label=source, **style)
        axes.axvline(evaluation.threshold / (LEVELS - 1), color="0.5", linestyle=":", linewidth=1.2)
        axes.set(title=_heading(score), ylim=(0, 1), xlim=(0, 1))
        axes.grid(alpha=0.3)
    for axes in panels[2:]:
        axes.set_xlabel("threshold (dotted: in use)")
    panels[0].legend(frameon=False, fontsize=9, loc="lower center", ncols=2)
    return figure


def draw_precision_recall(evaluation: Evaluation) -> Figure:
    """Precision against recall, to the pixel and within the tolerance, by source."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    strict, relaxed = figure.subplots(1, 2, sharey=True)
    averages, sweep = probability_rows(evaluation), sweep_rows(evaluation)
    for index, (source, counts) in enumerate(evaluation.sources.items()):
        colour, chosen = f"C{index}", counts.levels.at(evaluation.threshold)
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


def draw_reliability(evaluation: Evaluation) -> Figure:
    """Reliability diagram by source, and how many pixels each bin holds."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    diagram, amount = figure.subplots(1, 2)
    diagram.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1, label="calibrated")
    for index, (source, counts) in enumerate(evaluation.sources.items()):
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


def _frame(frame: LabelledFrame, segmenter: Segmenter, threshold: int) -> tuple[list[Markup], str]:
    """Images of a frame, errors, ground truth and prediction, and its caption."""
    pixels, ground_truth, ignore = frame.read_as_labelled()
    segmenter.reset()
    mask = (segmenter(pixels) > threshold).astype(np.uint8)
    images = [
        _shrunk(draw_errors(pixels, mask, ground_truth, ignore), LARGE),
        _shrunk(_painted(pixels, ground_truth > 0, GROUND_TRUTH), SMALL),
        _shrunk(_painted(pixels, mask > 0, PREDICTION), SMALL),
    ]
    names = (f"{frame.stem}: true positive, false negative and false positive", "ground truth", "prediction")
    shown = [embed_image(one, name, 80) for one, name in zip(images, names, strict=True)]
    return shown, _caption(frame, count_pixels(mask, ground_truth, ignore))


def _caption(frame: LabelledFrame, counts: PixelCounts) -> str:
    name = ", ".join(filter(None, (frame.stem, frame.condition)))
    return (
        f"{name}: relaxed F1 {counts.relaxed_f1:.3f} (precision {counts.relaxed_precision:.3f}, recall {counts.relaxed_recall:.3f}), "
        f"IoU {counts.iou:.3f}, false area {counts.false_area:.2%}"
    )


def draw_errors(pixels: BGRImage, mask: Mask, ground_truth: Mask, ignore: Mask | None) -> BGRImage:
    """True positives, false negatives and false positives within the tolerance, over the frame in grey; ignored pixels are darkened."""
    known = np.ones(ground_truth.shape, bool) if ignore is None else ignore == 0
    prediction, lane = (mask > 0) & known, (ground_truth > 0) & known
    radius = tolerance(ground_truth.shape[1])
    # In grey, or the colours of the image would compete with those that mark the errors.
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) * np.where(known, 1.0, 0.35)
    drawn = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    near = dilate(lane, radius)
    for where, colour in (
        (lane & ~dilate(prediction, radius), FALSE_NEGATIVE),
        (prediction & near, TRUE_POSITIVE),
        (prediction & ~near, FALSE_POSITIVE),
    ):
        drawn[where] = colour
    return drawn


def _painted(pixels: BGRImage, where: NDArray[np.bool_], colour: tuple[int, int, int]) -> BGRImage:
    painted: BGRImage = pixels.copy()
    painted[where] = colour
    return painted


def _shrunk(pixels: BGRImage, width: int) -> BGRImage:
    """The image, made smaller where it is wider than `width`."""
    if pixels.shape[1] <= width:
        return pixels
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
