"""The page of `benchmarks.lanes`: targets, plots, every table, and of each kind of drive the worst frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.plots import COLOURS, GREY, new_figure, title
from benchmarks.lanes.ground_truth import FrameTruth
from benchmarks.lanes.measure import Row
from benchmarks.lanes.show import View, target_view, views
from lanes.capture.video import VideoFile
from lanes.html.page import embed_image, plot, render, table

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

WORST = 3
"""Frames shown of each kind of drive."""

APART_S = 2.0
"""Between two of them that are of one drive: neighbours look alike."""

GIVEN, OUTER, REAL = (40, 60, 255), (255, 150, 40), (90, 230, 90)
"""Colours, BGR: the ego lane's boundaries as given, those beside it, and the ground truth."""


def lanes_page(result: dict[str, Any], frames: dict[str, Any]) -> str:
    """The page as HTML, complete in itself.

    Args:
        result: of `benchmarks.lanes`. frames: what the worst frames are drawn from: `context` and `rows`, by drive; none for no frames.

    Raises:
        InputError: Jinja2 or Matplotlib is not installed.
    """
    return render("lanes.html.j2", title=result["name"], result=result, worst=worst_frames(frames), **lanes_context(result))


def lanes_context(result: dict[str, Any]) -> dict[str, Any]:
    """Targets, plots and tables, as markup."""
    parts = result["parts"]
    plots = []
    if "lanes" in parts:
        plots.append(
            ("Confidence: share of lanes that are correct", plot(draw_reliability(parts["lanes"]), "Reliability of the confidence"))
        )
        plots.append(
            ("Share of errors inside their 90 % interval", plot(draw_coverage(parts["lanes"]), "Coverage of the intervals by drive"))
        )
    if "departures" in parts:
        plots.append(("When departures are warned of", plot(draw_departures(parts["departures"]), "Time to crossing by lateral speed")))
    return {
        "targets": _table(target_view(parts)),
        "plots": plots,
        "tables": [(view.title, _table(view)) for view in views(result)[:-1]],
    }


def _table(view: View) -> Markup:
    return table(list(view.columns), view.rows, view.kinds)


def draw_reliability(part: dict[str, Any]) -> Figure:
    """Share that is correct by confidence, and how many lanes each bin holds."""
    bins = part["reliability"]["bins"]
    figure, (diagram, amount) = new_figure(columns=2, height=3.8)
    diagram.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    diagram.plot([b["confidence"] for b in bins], [b["correct"] for b in bins], "o-", color=COLOURS[0])
    diagram.set(xlabel="mean confidence of the bin", ylabel="share correct", xlim=(0, 1), ylim=(0, 1.02))
    amount.bar([b["confidence"] for b in bins], [b["lanes"] for b in bins], width=0.07, color=COLOURS[0])
    amount.set(xlabel="confidence", ylabel="lanes", yscale="log", xlim=(0, 1))
    title(diagram, "dashed: calibrated")
    return figure


def draw_coverage(part: dict[str, Any]) -> Figure:
    """Each quantity's coverage, all drives and each."""
    names = list(part["all"]["coverage"])
    figure, (ax,) = new_figure(height=3.6)
    ax.axhspan(0.85, 0.95, color=COLOURS[2], alpha=0.15)
    for index, name in enumerate(names):
        each = [drive["coverage"][name] for drive in part["by_drive"].values() if name in drive["coverage"]]
        ax.plot(np.full(len(each), index), each, "o", color=GREY, alpha=0.35, markersize=5)
        ax.plot(index, part["all"]["coverage"][name], "D", color=COLOURS[0], markersize=9)
    ax.set_xticks(range(len(names)), names)
    ax.set(ylim=(0, 1.02), ylabel="share inside")
    title(ax, "diamond: all frames; dots: drives; green: what is asked for")
    return figure


def draw_departures(part: dict[str, Any]) -> Figure:
    """Seconds to crossing at the warning, by lateral speed."""
    figure, (ax,) = new_figure(height=3.8)
    for way, colour in (("left", COLOURS[0]), ("right", COLOURS[1])):
        each = [e for e in part["by_drive"].values() if e["way"] == way and e["time_to_crossing_s"] is not None]
        ax.plot([e["speed_mps"] for e in each], [e["time_to_crossing_s"] for e in each], "o", color=colour, label=way)
    ax.axhline(0, color=GREY, linewidth=1)
    ax.axhline(1, color=GREY, linewidth=1, linestyle=":")
    ax.set(xlabel="lateral speed where the tyre reaches the marking, m/s", ylabel="s before that")
    ax.legend(frameon=False)
    title(ax, "first warning of each departure")
    return figure


def worst_frames(frames: dict[str, Any]) -> dict[str, list[tuple[Markup, str]]]:
    """Of each kind of drive the frames that are furthest off: image and caption."""
    context, rows = frames.get("context"), frames.get("rows", {})
    found: dict[str, list[tuple[Markup, str]]] = {}
    for kind in dict.fromkeys(drive.kind for drive in rows):
        ranked = [(badness(row), drive, index) for drive, each in rows.items() if drive.kind == kind for index, row in enumerate(each)]
        chosen: list[tuple[Any, int]] = []
        for _, drive, index in sorted(ranked, key=lambda entry: -entry[0]):
            if all(drive != other or abs(index - taken) > APART_S * drive.rate for other, taken in chosen):
                chosen.append((drive, index))
            if len(chosen) == WORST:
                break
        found[kind] = [_frame(context, drive, index, rows[drive][index]) for drive, index in chosen]
    return found


def badness(row: Row) -> float:
    """How bad a frame is: a wrong ego lane before none, none before one boundary, and then by the error near the vehicle, in metres."""
    near = max((abs(error) for _, error, _ in row["near"]), default=0.0)
    return {"wrong": 30.0, "none": 20.0, "half": 10.0, "right": 0.0}[row["ego_lane"]] + min(near, 9.0)


def _frame(context: Any, drive: Any, index: int, row: Row) -> tuple[Markup, str]:
    one = context.rendered(drive)
    with VideoFile(one.video) as source:
        pixels = next(frame.pixels for frame in source if frame.index == index)
    near = max((abs(error) for _, error, _ in row["near"]), default=None)
    caption = f"{drive.name}, {index / drive.rate:.1f} s: ego lane {row['ego_lane']}"
    caption += "" if near is None else f", {100 * near:.0f} cm off within 6 m ahead"
    return embed_image(draw_frame(pixels, one.ground_truth[index], row["lanes"]), caption, 80), caption


def draw_frame(pixels: NDArray[np.uint8], truth: FrameTruth, lanes: Sequence[Row]) -> NDArray[np.uint8]:
    """The frame with the ground truth as dots, and the lanes that were given as lines."""
    drawn: NDArray[np.uint8] = pixels.copy()
    for points, visible in zip(truth.pixels, truth.visible, strict=True):
        for x, y in points[visible]:
            cv2.circle(drawn, (round(x), round(y)), 2, REAL, -1, cv2.LINE_AA)
    for lane in lanes:
        line = np.round(np.array(lane["points"])).astype(np.int32)
        cv2.polylines(drawn, [line], False, GIVEN if abs(lane["position"]) == 1 else OUTER, 1, cv2.LINE_AA)
    return drawn
