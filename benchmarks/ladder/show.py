"""The result as plots and tables, the same for the HTML page, for docs/ladder.md and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from benchmarks.common.plots import COLOURS, GREY, MARKERS, new_figure, title
from benchmarks.ladder.rungs import RUNGS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Parts = dict[str, Any]
Rows = list[list[str]]

COLUMNS = (
    "rung",
    "parameters",
    "multiply-adds",
    "sees, px",
    "input",
    "memory, MB",
    "ms, p50",
    "p95",
    "relaxed F1",
    "IoU",
    "edge error, px",
    "flicker",
)


def order(parts: Parts) -> list[str]:
    """The rungs that anything was measured of, in the order of the ladder."""
    known: set[str] = set()
    for part in ("facts", "accuracy", "flicker", "frames"):
        known |= set(parts.get(part, {}).get("by_rung", {}))
    known |= {entry["rung"] for entry in parts.get("cost", {}).get("entries", [])}
    return [rung.name for rung in RUNGS if rung.name in known]


def common_engine(parts: Parts) -> tuple[str, str] | None:
    """Engine and precision that run most rungs, fp32 and the faster engine first: what the rungs are compared in."""
    entries = [entry for entry in parts.get("cost", {}).get("entries", []) if entry["precision"] == "fp32"]
    if not entries:
        return None
    engines = {entry["engine"] for entry in entries}

    def merit(engine: str) -> tuple[int, float]:
        own = [entry for entry in entries if entry["engine"] == engine]
        return len(own), -mean(entry["ms"]["p50"] for entry in own)

    return max(engines, key=merit), "fp32"


def cost_of(parts: Parts, rung: str) -> dict[str, Any] | None:
    """The entry of a rung in the common engine; in its only one where it does not run there; None where nothing was measured."""
    entries = [entry for entry in parts.get("cost", {}).get("entries", []) if entry["rung"] == rung]
    common = common_engine(parts)
    return next((entry for entry in entries if (entry["engine"], entry["precision"]) == common), entries[0] if entries else None)


def summary_rows(parts: Parts) -> Rows:
    """The table of everything, a row a rung under `COLUMNS`."""
    rows = []
    for name in order(parts):
        facts = parts.get("facts", {}).get("by_rung", {}).get(name, {})
        scores = parts.get("accuracy", {}).get("by_rung", {}).get(name)
        flicker = parts.get("flicker", {}).get("by_rung", {}).get(name)
        cost = cost_of(parts, name)
        size = f"{facts['width']}x{facts['height']}" if facts.get("width") else "-"
        cells = [name, count(facts.get("parameters")), count(facts.get("operations")), _field(facts), size]
        cells += ["-", "-", "-"] if cost is None else [_number(cost["peak_memory_mb"], 0), ms(cost["ms"]["p50"]), ms(cost["ms"]["p95"])]
        if scores is None:
            cells += ["-", "-", "-"]
        else:
            at = scores["scores"]["mean"]
            cells += [f"{at['relaxed_f1']:.3f}", f"{at['iou']:.3f}", _number(scores["boundary_px"]["mean"], 1)]
        rows.append([*cells, "-" if flicker is None else f"{flicker['mean']['flicker']:.2%}"])
    return rows


def _field(facts: dict[str, Any]) -> str:
    """The receptive field, `all` where the whole picture is seen."""
    field = facts.get("receptive_field")
    return "-" if field is None else str(field)


def engine_rows(parts: Parts) -> tuple[list[str], Rows]:
    """Head and rows: p50 and p95 of every rung by engine and precision."""
    entries = parts["cost"]["entries"]
    combinations = sorted({(entry["engine"], entry["precision"]) for entry in entries}, key=lambda each: (each[1] != "fp32", *each))
    rows = []
    for name in order(parts):
        own = {(entry["engine"], entry["precision"]): entry for entry in entries if entry["rung"] == name}
        cells = [f"{ms(own[each]['ms']['p50'])} / {ms(own[each]['ms']['p95'])}" if each in own else "-" for each in combinations]
        rows.append([name, *cells])
    return ["ms, p50 / p95", *(" ".join(each) for each in combinations)], rows


def source_rows(parts: Parts) -> tuple[list[str], Rows]:
    """Head and rows: relaxed F1, IoU and edge error of every rung by source."""
    accuracy = parts["accuracy"]
    sources = [*accuracy["data"]["sources"], "mean"]
    rows = []
    for name in order(parts):
        if name in accuracy["by_rung"]:
            found = accuracy["by_rung"][name]
            cells = []
            for source in sources:
                at = found["scores"][source]
                cells.append(f"{at['relaxed_f1']:.3f} / {at['iou']:.3f} / {_number(found['boundary_px'][source], 1)}")
            rows.append([name, *cells])
    return ["relaxed F1 / IoU / edge error, px", *sources], rows


def flicker_rows(parts: Parts) -> tuple[list[str], Rows]:
    """Head and rows: flicker of every rung by clip."""
    by_rung, clips = parts["flicker"]["by_rung"], parts["flicker"]["clips"]
    rows = []
    for name in order(parts):
        if name in by_rung:
            mean_row = by_rung[name]["mean"]
            cells = [f"{by_rung[name]['clips'][clip]['flicker']:.2%}" for clip in clips]
            rows.append([name, *cells, *(f"{mean_row[key]:.2%}" for key in ("flicker", "missing", "alone", "jumped"))])
    return ["flicker", *clips, "mean", "missing", "alone", "ego lane jumped"], rows


def seed_rows(parts: Parts) -> tuple[list[str], Rows]:
    """Head and rows: what each training with the same budget came to, mean and standard deviation over seeds."""
    rungs = parts["learning"]["rungs"]
    sources = list(next(iter(rungs.values()))["scores"])
    rows = []
    for name in (rung.name for rung in RUNGS if rung.name in rungs):
        found = rungs[name]
        cells = [f"{at['relaxed_f1']['mean']:.3f} ± {at['relaxed_f1']['std']:.3f}" for at in map(found["scores"].__getitem__, sources)]
        iou = found["scores"]["mean"]["iou"]
        rows.append([name, str(len(found["seeds"])), count(found["steps"]), *cells, f"{iou['mean']:.3f} ± {iou['std']:.3f}"])
    return ["trained with the same budget", "seeds", "steps", *(f"relaxed F1, {source}" for source in sources), "IoU, mean"], rows


def count(value: float | None) -> str:
    """A large number in three digits: 2.1 M, 4.2 G."""
    if value is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def ms(value: float | None) -> str:
    """Three digits of milliseconds."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def colour_of(name: str) -> tuple[str, str]:
    """Colour and marker of a rung, the same in every plot."""
    index = [rung.name for rung in RUNGS].index(name)
    return COLOURS[index % len(COLOURS)], MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


PLACES = ((9, 4, "left"), (9, -13, "left"), (-9, 4, "right"), (-9, -13, "right"), (0, 10, "center"), (0, -19, "center"))
"""Where the name of a point may stand: points to the right and up, and which end of it lies there."""


def draw_tradeoff(parts: Parts) -> Figure:
    """Accuracy over cost: a point a rung, in the engine that runs them all. Raises InputError without Matplotlib."""
    figure, (ax,) = new_figure(width=9, height=5.2)
    points = []
    for name in order(parts):
        cost, scores = cost_of(parts, name), parts["accuracy"]["by_rung"].get(name)
        if cost is None or scores is None:
            continue
        at = cost["ms"]["p50"], scores["scores"]["mean"]["relaxed_f1"]
        colour, marker = colour_of(name)
        ax.plot(*at, marker, color=colour, markersize=11, markeredgecolor="white", zorder=3)
        points.append((name, at))
    taught = parts["cost"].get("taught")
    dense = dict(points).get("patch")
    if taught and dense:
        ax.annotate(
            "",
            dense,
            (taught["ms"], dense[1]),
            arrowprops={"arrowstyle": "->", "color": GREY, "linewidth": 1.2, "shrinkA": 6, "shrinkB": 8},
        )
        colour, marker = colour_of("patch")
        ax.plot(taught["ms"], dense[1], marker, markerfacecolor="none", markeredgecolor=colour, markersize=11, zorder=3)
        points.append(("patch, as it was taught", (taught["ms"], dense[1])))
    ax.set_xscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(max(0.0, low - 0.08 * (high - low)), min(1.0, high + 0.08 * (high - low)))
    _label(ax, points)
    common = common_engine(parts) or ("", "")
    ax.set_xlabel(f"milliseconds a frame, {' '.join(common)}, median", fontsize=11)
    ax.set_ylabel("relaxed F1, mean over sources", fontsize=11)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    title(ax, f"Cost against accuracy, on {parts['accuracy']['data']['frames']} labelled frames")
    return figure


def _label(ax: Any, points: Sequence[tuple[str, tuple[float, float]]]) -> None:
    """Names beside their points: each at the first of `PLACES` where it lies over no point, no other name and no edge of the plot."""
    from matplotlib.transforms import Bbox

    ax.figure.draw_without_rendering()
    inside, size = ax.get_window_extent(), ax.figure.dpi / 72
    centres = [ax.transData.transform(at) for _, at in points]
    taken = [Bbox.from_bounds(x - 6 * size, y - 6 * size, 12 * size, 12 * size) for x, y in centres]
    for name, at in points:
        for x, y, side in PLACES:
            label = ax.annotate(name, at, xytext=(x, y), textcoords="offset points", ha=side, fontsize=9.5)
            box = label.get_window_extent()
            free = inside.x0 <= box.x0 and box.x1 <= inside.x1 and not any(box.overlaps(other) for other in taken)
            if free or (x, y, side) == PLACES[-1]:
                taken.append(box)
                break
            label.remove()


def draw_learning(parts: Parts) -> Figure:
    """Relaxed F1 over the number of frames trained on, with the band of the seeds."""
    learning = parts["learning"]
    figure, (ax,) = new_figure(width=9, height=4.6)
    for name, curve in learning["curves"].items():
        frames, means = [point["frames"] for point in curve], [point["mean"] for point in curve]
        colour, marker = colour_of(name)
        low, high = ([point["mean"] + sign * point["std"] for point in curve] for sign in (-1, 1))
        ax.fill_between(frames, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(frames, means, marker + "-", color=colour, markersize=7, label=name)
    ax.set_xscale("log")
    ticks = sorted({point["frames"] for curve in learning["curves"].values() for point in curve})
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("labelled frames trained on", fontsize=11)
    ax.set_ylabel("relaxed F1, mean over sources", fontsize=11)
    ax.legend(frameon=False, fontsize=9.5)
    title(ax, "Learning curves: the line is the mean of the seeds, the band one standard deviation")
    return figure
