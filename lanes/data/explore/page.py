"""The page that shows what is in a data set. The few frames on it are read again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from lanes.arrays import BGRImage
from lanes.data.explore.findings import Finding, findings, shared_drives
from lanes.data.explore.survey import Survey
from lanes.data.frames import LabelledFrame
from lanes.html.page import picture, plot, render, table

if TYPE_CHECKING:
    from markupsafe import Markup

Figures = list[tuple["Markup", str]]
"""Pictures, as markup, and their captions."""

MONTAGE, EXAMPLES = 24, 12
"""Frames in the montage, and suspect labels of each kind and pairs that are shown; the others are named."""

PICTURE_WIDTH = 480
"""Of the pictures in the page, pixels."""

LISTED = 200
"""Names in a list, at most."""

PAINT, IGNORED = (80, 220, 60), (200, 60, 220)
"""Colours, BGR, of what the label marks and of what it leaves open."""


def explore_page(title: str, found: Survey, console: Console) -> str:
    """The page as HTML, complete in itself.

    Args:
        title: name of the data set.
        found: what was counted.
        console: where progress is shown.

    Raises:
        InputError: Jinja2 is not installed, or a frame cannot be read any more.
    """
    drives = [(count, name, split, drive) for name, source in found.sources.items() for (split, drive), count in source.frames.items()]
    drives.sort(key=lambda row: -row[0])
    return render(
        "explore.html.j2",
        title=title,
        frames=len(found.frames),
        source_count=len(found.sources),
        drive_count=len({(name, drive) for _, name, _, drive in drives}),
        sources=_sources(found),
        splits=_splits(found),
        drives=table(["source", "split", "drive", "frames"], [[*place, f"{count:,}"] for count, *place in drives[:LISTED]]),
        more_drives=max(0, len(drives) - LISTED),
        montage=_gallery(found, _evenly(found), console),
        maps=_maps(found),
        histograms=plot(_histograms(found), "lane share and brightness of the frames, by source"),
        findings=[_shown(found, kind, console) for kind in findings(found)],
        broken=found.broken,
        shared=shared_drives(found),
        listed=LISTED,
    )


def _shown(found: Survey, kind: Finding, console: Console) -> dict[str, object]:
    """What the page shows of a kind of findings: some as pictures, the others by name."""
    figures = _pairs(found, console) if kind.anchor == "alike" else _gallery(found, kind.frames[:EXAMPLES], console)
    return {"kind": kind, "figures": figures, "others": [_name(found.frames[index]) for index in kind.frames[EXAMPLES:]]}


def _sources(found: Survey) -> Markup:
    rows = []
    for name, source in found.sources.items():
        frame = next(frame for frame in found.frames if frame.source == name)
        sizes = [f"{width}x{height} ({count:,})" for (width, height), count in source.sizes.most_common(3)]
        sizes += [f"{len(source.sizes) - 3} more"] if len(source.sizes) > 3 else []
        rows.append([name, frame.definition.name, frame.definition.value, frame.licence, ", ".join(sizes)])
    return table(["source", "definition", "what is marked", "licence", "picture sizes"], rows)


def _splits(found: Survey) -> Markup:
    sources = np.array([frame.source for frame in found.frames])
    splits = np.array([frame.split for frame in found.frames])
    rows = []
    for name, source in found.sources.items():
        for split in sorted({split for split, _ in source.frames}):
            own = (sources == name) & (splits == split)
            read = own & ~np.isnan(found.share)
            row = [name, split, f"{np.count_nonzero(own):,}", f"{sum(1 for at, _ in source.frames if at == split):,}"]
            if read.any():
                share = found.share[read]
                row += [f"{share.mean():.2%}", f"{np.median(share):.2%}", f"{share.max():.2%}", f"{np.count_nonzero(share == 0):,}"]
                row += [f"{found.ignored[read].mean():.1%}", f"{found.brightness[read].mean():.0f}"]
            row += [""] * (10 - len(row))
            conditions = Counter(frame.condition for frame, chosen in zip(found.frames, read, strict=True) if chosen and frame.condition)
            rows.append([*row, ", ".join(f"{kind} {count:,}" for kind, count in conditions.most_common())])
    head = ["source", "split", "frames", "drives", "mean lane", "median", "most", "no lane", "not known", "brightness", "condition"]
    return table(head, rows)


def _maps(found: Survey) -> Figures:
    figures = []
    for name, source in found.sources.items():
        if source.read:
            often = source.lane / source.read
            heat = np.sqrt(often / max(float(often.max()), 1e-9))
            colour = cv2.applyColorMap(np.round(255 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)
            weight = np.minimum(1, 3 * heat)[..., None]
            grey = (source.pixels / source.read).mean(axis=2, keepdims=True) * 0.6
            drawn = cv2.resize((weight * colour + (1 - weight) * grey).astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            figures.append((drawn.astype(np.uint8, copy=False), f"{name}: most often {often.max():.0%}"))
    return _figures(figures)


def _histograms(found: Survey) -> Figure:
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    lane, light = figure.subplots(1, 2)
    sources = np.array([frame.source for frame in found.frames])
    top = max(0.02, float(np.nanpercentile(found.share, 99))) if np.isfinite(found.share).any() else 0.02
    for name in found.sources:
        own = (sources == name) & ~np.isnan(found.share)
        for axes, values, edges in (
            (lane, 100 * np.minimum(found.share[own], top), np.linspace(0, 100 * top, 41)),
            (light, found.brightness[own], np.linspace(0, 256, 33)),
        ):
            counts, _ = np.histogram(values, edges)
            axes.stairs(100 * counts / max(1, counts.sum()), edges, label=name, linewidth=1.5)
    lane.set(title="Lane", xlabel="share of the known pixels, % (the last bar: that and more)", ylabel="frames, %")
    light.set(title="Brightness", xlabel="mean grey value", ylabel="frames, %")
    for axes in (lane, light):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure


def _evenly(found: Survey) -> list[int]:
    """Frames for the montage, the same number of each source and split."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in found.where(~np.isnan(found.share)):
        groups[found.frames[index].source, found.frames[index].split].append(index)
    each = max(1, MONTAGE // max(1, len(groups)))
    chosen = [group[round(at)] for group in groups.values() for at in np.linspace(0, len(group) - 1, min(each, len(group)))]
    return chosen[:MONTAGE]


def _gallery(found: Survey, indices: Sequence[int], console: Console) -> Figures:
    return _figures(
        [
            (draw_label(found.frames[index]), f"{_name(found.frames[index])}, {found.share[index]:.1%} lane")
            for index in track(indices, "drawing", console=console, transient=True, disable=not console.is_terminal)
        ]
    )


def _pairs(found: Survey, console: Console) -> Figures:
    figures = []
    for held, other, bits in track(found.pairs[:EXAMPLES], "drawing", console=console, transient=True, disable=not console.is_terminal):
        frames = found.frames[held], found.frames[other]
        left, right = (draw_label(frame) for frame in frames)
        right = cv2.resize(right, (round(right.shape[1] * left.shape[0] / right.shape[0]), left.shape[0])).astype(np.uint8, copy=False)
        figures.append((np.hstack([left, right]), f"{_name(frames[0])} and {_name(frames[1])}: {bits} bits differ"))
    return _figures(figures)


def draw_label(frame: LabelledFrame) -> BGRImage:
    """The frame (H, PICTURE_WIDTH, 3) BGR with its label drawn in."""
    pixels, mask, ignore = frame.read()
    size = (PICTURE_WIDTH, max(1, round(PICTURE_WIDTH * pixels.shape[0] / pixels.shape[1])))
    drawn = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    for label, colour in ((mask, PAINT), (ignore, IGNORED)):
        if label is not None:
            # Where a stroke is thinner than a pixel of the page, a part of its colour.
            covered = cv2.resize((label > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None] * 0.6
            drawn += covered * (np.array(colour, np.float32) - drawn)
    return np.round(drawn).astype(np.uint8)


def _figures(pictures: Sequence[tuple[BGRImage, str]]) -> Figures:
    return [(picture(drawn, name, 80), name) for drawn, name in pictures]


def _name(frame: LabelledFrame) -> str:
    return f"{frame.source}/{frame.stem} ({frame.split})"
