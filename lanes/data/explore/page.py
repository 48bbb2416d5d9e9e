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
from lanes.html.page import embed_image, plot, render, table

if TYPE_CHECKING:
    from markupsafe import Markup

Figures = list[tuple["Markup", str]]
"""Images, as markup, and their captions."""

MONTAGE, EXAMPLES = 24, 12
"""Frames in the montage, and suspect labels of each kind and pairs that are shown; the others are named."""

IMAGE_WIDTH = 480
"""Of the images in the page, pixels."""

LISTED = 200
"""Names in a list, at most."""

PAINT, IGNORED = (80, 220, 60), (200, 60, 220)
"""Colours, BGR, of what the label marks and of what it ignores."""


def explore_page(title: str, survey: Survey, console: Console) -> str:
    """The page as HTML, complete in itself.

    Args:
        title: name of the data set.
        found: what was counted.
        console: where progress is shown.

    Raises:
        InputError: Jinja2 is not installed, or a frame cannot be read any more.
    """
    drives = [(count, name, split, drive) for name, source in survey.sources.items() for (split, drive), count in source.frames.items()]
    drives.sort(key=lambda row: -row[0])
    return render(
        "explore.html.j2",
        title=title,
        frames=len(survey.frames),
        source_count=len(survey.sources),
        drive_count=len({(name, drive) for _, name, _, drive in drives}),
        sources=_sources(survey),
        splits=_splits(survey),
        drives=table(["source", "split", "drive", "frames"], [[*place, f"{count:,}"] for count, *place in drives[:LISTED]]),
        more_drives=max(0, len(drives) - LISTED),
        montage=_gallery(survey, _evenly(survey), console),
        maps=_maps(survey),
        histograms=plot(_histograms(survey), "lane share and brightness of the frames, by source"),
        findings=[_shown(survey, kind, console) for kind in findings(survey)],
        broken=survey.broken,
        shared=shared_drives(survey),
        listed=LISTED,
    )


def _shown(survey: Survey, kind: Finding, console: Console) -> dict[str, object]:
    """What the page shows of a kind of findings: some as images, the others by name."""
    figures = _pairs(survey, console) if kind.anchor == "near-duplicates" else _gallery(survey, kind.frames[:EXAMPLES], console)
    return {"kind": kind, "figures": figures, "others": [_name(survey.frames[index]) for index in kind.frames[EXAMPLES:]]}


def _sources(survey: Survey) -> Markup:
    rows = []
    for name, source in survey.sources.items():
        frame = next(frame for frame in survey.frames if frame.source == name)
        sizes = [f"{width}x{height} ({count:,})" for (width, height), count in source.sizes.most_common(3)]
        sizes += [f"{len(source.sizes) - 3} more"] if len(source.sizes) > 3 else []
        rows.append([name, frame.definition.name, frame.definition.value, frame.licence, ", ".join(sizes)])
    return table(["source", "definition", "what is marked", "licence", "image sizes"], rows)


def _splits(survey: Survey) -> Markup:
    sources = np.array([frame.source for frame in survey.frames])
    splits = np.array([frame.split for frame in survey.frames])
    rows = []
    for name, source in survey.sources.items():
        for split in sorted({split for split, _ in source.frames}):
            own = (sources == name) & (splits == split)
            read = own & ~np.isnan(survey.share)
            row = [name, split, f"{np.count_nonzero(own):,}", f"{sum(1 for at, _ in source.frames if at == split):,}"]
            if read.any():
                share = survey.share[read]
                row += [f"{share.mean():.2%}", f"{np.median(share):.2%}", f"{share.max():.2%}", f"{np.count_nonzero(share == 0):,}"]
                row += [f"{survey.ignored[read].mean():.1%}", f"{survey.brightness[read].mean():.0f}"]
            row += [""] * (10 - len(row))
            conditions = Counter(frame.condition for frame, chosen in zip(survey.frames, read, strict=True) if chosen and frame.condition)
            rows.append([*row, ", ".join(f"{kind} {count:,}" for kind, count in conditions.most_common())])
    head = ["source", "split", "frames", "drives", "mean lane", "median", "max", "no lane", "ignored", "brightness", "condition"]
    return table(head, rows)


def _maps(survey: Survey) -> Figures:
    figures = []
    for name, source in survey.sources.items():
        if source.read:
            often = source.lane / source.read
            heat = np.sqrt(often / max(float(often.max()), 1e-9))
            colour = cv2.applyColorMap(np.round(255 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)
            weight = np.minimum(1, 3 * heat)[..., None]
            grey = (source.pixels / source.read).mean(axis=2, keepdims=True) * 0.6
            drawn = cv2.resize((weight * colour + (1 - weight) * grey).astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            figures.append((drawn.astype(np.uint8, copy=False), f"{name}: most often {often.max():.0%}"))
    return _figures(figures)


def _histograms(survey: Survey) -> Figure:
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    lane, light = figure.subplots(1, 2)
    sources = np.array([frame.source for frame in survey.frames])
    top = max(0.02, float(np.nanpercentile(survey.share, 99))) if np.isfinite(survey.share).any() else 0.02
    for name in survey.sources:
        own = (sources == name) & ~np.isnan(survey.share)
        for axes, values, edges in (
            (lane, 100 * np.minimum(survey.share[own], top), np.linspace(0, 100 * top, 41)),
            (light, survey.brightness[own], np.linspace(0, 256, 33)),
        ):
            counts, _ = np.histogram(values, edges)
            axes.stairs(100 * counts / max(1, counts.sum()), edges, label=name, linewidth=1.5)
    lane.set(title="Lane", xlabel="share of the known pixels, % (the last bar: that and more)", ylabel="frames, %")
    light.set(title="Brightness", xlabel="mean grey value", ylabel="frames, %")
    for axes in (lane, light):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure


def _evenly(survey: Survey) -> list[int]:
    """Frames for the montage, the same number of each source and split."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in survey.where(~np.isnan(survey.share)):
        groups[survey.frames[index].source, survey.frames[index].split].append(index)
    each = max(1, MONTAGE // max(1, len(groups)))
    chosen = [group[round(at)] for group in groups.values() for at in np.linspace(0, len(group) - 1, min(each, len(group)))]
    return chosen[:MONTAGE]


def _gallery(survey: Survey, indices: Sequence[int], console: Console) -> Figures:
    return _figures(
        [
            (draw_label(survey.frames[index]), f"{_name(survey.frames[index])}, {survey.share[index]:.1%} lane")
            for index in track(indices, "drawing", console=console, transient=True, disable=not console.is_terminal)
        ]
    )


def _pairs(survey: Survey, console: Console) -> Figures:
    figures = []
    for held, other, bits in track(survey.pairs[:EXAMPLES], "drawing", console=console, transient=True, disable=not console.is_terminal):
        frames = survey.frames[held], survey.frames[other]
        left, right = (draw_label(frame) for frame in frames)
        right = cv2.resize(right, (round(right.shape[1] * left.shape[0] / right.shape[0]), left.shape[0])).astype(np.uint8, copy=False)
        figures.append((np.hstack([left, right]), f"{_name(frames[0])} and {_name(frames[1])}: {bits} bits differ"))
    return _figures(figures)


def draw_label(frame: LabelledFrame) -> BGRImage:
    """The frame (H, IMAGE_WIDTH, 3) BGR with its label drawn in."""
    pixels, mask, ignore = frame.read()
    size = (IMAGE_WIDTH, max(1, round(IMAGE_WIDTH * pixels.shape[0] / pixels.shape[1])))
    drawn = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    for label, colour in ((mask, PAINT), (ignore, IGNORED)):
        if label is not None:
            # Where a stroke is thinner than a pixel of the page, a part of its colour.
            covered = cv2.resize((label > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None] * 0.6
            drawn += covered * (np.array(colour, np.float32) - drawn)
    return np.round(drawn).astype(np.uint8)


def _figures(images: Sequence[tuple[BGRImage, str]]) -> Figures:
    return [(embed_image(drawn, name, 80), name) for drawn, name in images]


def _name(frame: LabelledFrame) -> str:
    return f"{frame.source}/{frame.stem} ({frame.split})"
