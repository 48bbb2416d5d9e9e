"""What is in a data set: counted over all of its frames, and shown on one page.

Frames are read once, a few at a time, on all cores; what is kept of each is some hundred bytes. Only the few frames that the page
shows are read again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from itertools import combinations

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from engines.cores import usable_cores
from lanes.data.frames import LabelledFrame
from lanes.errors import InputError
from lanes.html.page import picture, plot, table, write_page

Picture = NDArray[np.uint8]
Values = NDArray[np.float64]

MAP_SIZE = (192, 108)
"""Width and height of the maps of where the paint is; pictures of any shape are squeezed into it."""

HASH_SIDE = 16
ALIKE_BITS = 32
"""Bits in which the hashes of two frames may differ for these to be called alike, of HASH_SIDE squared. Over five sources of road frames, a
picture and its copy of half the size at JPEG quality 50 differ in 3 (median) to 25, frames of different drives in 50 and more."""

MUCH_LANE = 0.2
"""Share of a picture above which nobody's lane paint lies: a mask inverted, or another class taken for paint."""

MUCH_SKY = 0.1
"""Share of the lane pixels in the picture's upper third, beyond what is usual in the drive, above which a mask marks the sky."""

USUAL = 5
"""Frames of a drive from which on it is told what is usual: where the camera points down, the road reaches into the upper third."""

MONTAGE, EXAMPLES = 24, 12
"""Frames in the montage, and doubtful labels of each kind and pairs that are shown; the others are named."""

PICTURE_WIDTH = 480
"""Of the pictures in the page, pixels."""

LISTED = 200
"""Names in a list, at most."""

BATCH = 256
"""Frames read ahead: what bounds the memory."""

PAINT, IGNORED = (80, 220, 60), (200, 60, 220)
"""Colours, BGR, of what the label marks and of what it leaves open."""

STYLE = """
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: .8rem; }
.gallery.wide { grid-template-columns: repeat(auto-fill, minmax(500px, 1fr)); }
figure { margin: 0; } figcaption { font-size: .8rem; overflow-wrap: anywhere; } details { margin: 1rem 0; } h3 { font-size: 1rem; }
.words td { text-align: left; vertical-align: top; } .words th { text-align: left; } .words td:first-child { white-space: nowrap; }
b.paint { color: #2c9c40; } b.ignored { color: #c83cb0; }
"""


@dataclass(slots=True)
class Look:
    """What is kept of one frame while it is counted.

    Attributes:
        size: (width, height), pixels.
        share: part of the known pixels that are lane, 0 to 1.
        ignored: part of the pixels that are not known, 0 to 1.
        sky: part of the lane pixels that lie in the picture's upper third, 0 to 1.
        brightness: mean grey value, 0 to 255.
        lane: (108, 192) float32, share of lane in each cell.
        pixels: (108, 192, 3) uint8 BGR, the picture small.
        bits: (HASH_SIDE squared) bool, `difference_hash` of the picture.
    """

    size: tuple[int, int]
    share: float
    ignored: float
    sky: float
    brightness: float
    lane: NDArray[np.float32]
    pixels: Picture
    bits: NDArray[np.bool_]


@dataclass(slots=True)
class Source:
    """What is counted of one source."""

    frames: Counter[tuple[str, str]] = field(default_factory=Counter)  # by split and drive
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    read: int = 0
    lane: Values = field(default_factory=lambda: np.zeros(MAP_SIZE[::-1]))
    pixels: Values = field(default_factory=lambda: np.zeros((*MAP_SIZE[::-1], 3)))


@dataclass(slots=True)
class Survey:
    """What is counted of a data set.

    Attributes:
        frames: all frames, in order.
        sources: counts by source.
        share, ignored, sky, brightness: a value a frame, as in `Look`; NaN for frames that could not be read.
        bits: (frames, HASH_SIDE squared / 8) uint8, packed hashes.
        broken: what could not be read, in words.
        pairs: frames that are all but the same as one of another split, as `alike` gives them.
    """

    frames: Sequence[LabelledFrame]
    sources: dict[str, Source]
    share: Values
    ignored: Values
    sky: Values
    brightness: Values
    bits: NDArray[np.uint8]
    broken: list[str] = field(default_factory=list)
    pairs: list[tuple[int, int, int]] = field(default_factory=list)

    def where(self, chosen: NDArray[np.bool_]) -> list[int]:
        """Indices of frames."""
        return [int(index) for index in np.flatnonzero(chosen)]


def survey(frames: Sequence[LabelledFrame], console: Console) -> Survey:
    """Reads every frame once. Those that cannot be read are named in `broken` and counted nowhere else but among the drives."""
    count = len(frames)
    nothing = np.full((4, count), np.nan)
    sources = {name: Source() for name in dict.fromkeys(frame.source for frame in frames)}
    found = Survey(frames, sources, nothing[0], nothing[1], nothing[2], nothing[3], np.zeros((count, HASH_SIDE**2 // 8), np.uint8))
    for index, look in enumerate(
        track(_looks(frames), "reading frames", total=count, console=console, transient=True, disable=not console.is_terminal)
    ):
        source = found.sources[frames[index].source]
        source.frames[frames[index].split, frames[index].sequence] += 1
        if isinstance(look, InputError):
            found.broken.append(str(look))
            continue
        source.read += 1
        source.sizes[look.size] += 1
        source.lane += look.lane
        source.pixels += look.pixels
        found.share[index], found.ignored[index], found.sky[index] = look.share, look.ignored, look.sky
        found.brightness[index] = look.brightness
        found.bits[index] = np.packbits(look.bits)
    found.pairs = alike(frames, found.bits, ~np.isnan(found.share))
    return found


def _looks(frames: Sequence[LabelledFrame]) -> Iterator[Look | InputError]:
    with ThreadPoolExecutor(usable_cores()) as pool:
        for start in range(0, len(frames), BATCH):
            yield from pool.map(_look, frames[start : start + BATCH])


def _look(frame: LabelledFrame) -> Look | InputError:
    try:
        pixels, mask, ignore = frame.read()
    except InputError as error:
        return error
    height, width = mask.shape
    known = ignore == 0 if ignore is not None else np.ones(mask.shape, bool)
    lane = (mask > 0) & known
    count = int(np.count_nonzero(lane))
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    return Look(
        size=(width, height),
        share=count / max(1, int(np.count_nonzero(known))),
        ignored=1 - float(known.mean()),
        sky=int(np.count_nonzero(lane[: height // 3])) / max(1, count),
        brightness=float(cv2.mean(grey)[0]),
        lane=cv2.resize(lane.astype(np.float32), MAP_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False),
        pixels=cv2.resize(pixels, MAP_SIZE, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False),
        bits=difference_hash(grey),
    )


def difference_hash(grey: Picture) -> NDArray[np.bool_]:
    """Whether each of HASH_SIDE x HASH_SIDE cells of a picture is darker than the one to the right of it: (HASH_SIDE squared) bool.

    Scaling, compression and changes of brightness leave most of it as it is (dHash, Krawetz 2013,
    https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html). The usual 8 x 8 cells take any two motorways
    for the same.

    Args:
        grey: (H, W) uint8.
    """
    # Two steps: the first takes the picture to one size, from which equal cells follow whatever its own was.
    even = cv2.resize(grey, (4 * HASH_SIDE, 4 * HASH_SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(even, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits: NDArray[np.bool_] = (small[:, 1:] > small[:, :-1]).ravel()
    return bits


def alike(frames: Sequence[LabelledFrame], bits: NDArray[np.uint8], readable: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Frames that are all but the same as one of another split: (index, index of the most alike, bits that differ), most alike first.

    Of two splits, each frame of the smaller one is held against all of the larger one, and named once.

    Args:
        frames: N frames.
        bits: (N, HASH_SIDE squared / 8) uint8, their packed hashes.
        readable: (N,) bool, which of them have a hash.
    """
    splits = np.array([frame.split for frame in frames])
    by_size = sorted((np.flatnonzero((splits == name) & readable) for name in dict.fromkeys(splits.tolist())), key=len)
    pairs = []
    for smaller, larger in combinations(by_size, 2):
        nearest, distance = _nearest(bits, smaller, larger)
        pairs += [(int(smaller[k]), int(nearest[k]), int(distance[k])) for k in np.flatnonzero(distance <= ALIKE_BITS)]
    return sorted(pairs, key=lambda pair: pair[2])


def _nearest(bits: NDArray[np.uint8], held: NDArray[np.intp], others: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Of each of `held` the nearest of `others` (both indices into `bits`), and in how many bits they differ."""
    nearest = np.zeros(len(held), np.intp)
    distance = np.full(len(held), np.inf, np.float32)
    for start in range(0, len(others), 4 * BATCH):
        part = others[start : start + 4 * BATCH]
        signs = _signs(bits[part])
        for first in range(0, len(held), 4 * BATCH):
            rows = slice(first, first + 4 * BATCH)
            # Of two vectors of n signs, the product is n less twice the number that differ.
            differ = (HASH_SIDE**2 - _signs(bits[held[rows]]) @ signs.T) / 2
            best = differ.argmin(axis=1)
            least = differ[np.arange(len(differ)), best]
            closer = least < distance[rows]
            distance[rows][closer] = least[closer]
            nearest[rows][closer] = part[best[closer]]
    return nearest, distance


def _signs(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1


# --- the page --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """Frames that a person should look at, worst first."""

    anchor: str
    title: str
    note: str
    frames: list[int]


def findings(found: Survey) -> list[Finding]:
    """Labels that look wrong and frames that are in two splits, kind by kind; kinds of which there are none are left out."""
    share, sky = found.share, found.sky
    much = sorted(found.where(share > MUCH_LANE), key=lambda index: -share[index])
    unusual = sky - _usual(found, sky)
    high = sorted(found.where((unusual > MUCH_SKY) & (share <= MUCH_LANE)), key=lambda index: -unusual[index])
    kinds = [
        Finding("much", f"More than {MUCH_LANE:.0%} of the picture is lane", "An inverted mask, or another class taken for paint?", much),
        Finding(
            "sky",
            "Lane in the upper third",
            f"{MUCH_SKY:.0%} more of it than is usual in the drive. Sky, a tree, a roof taken for paint?",
            high,
        ),
        Finding("empty", "No lane at all", "Right where the road has none, wrong where a label is missing.", found.where(share == 0)),
        Finding(
            "alike",
            "All but the same picture in two splits",
            f"Their hashes differ in {ALIKE_BITS} of {HASH_SIDE**2} bits at most. A score on such frames tells what was learnt by heart.",
            [held for held, _, _ in found.pairs],
        ),
    ]
    return [kind for kind in kinds if kind.frames]


def _usual(found: Survey, values: Values) -> Values:
    """For each frame the median over its drive, 0 where that is too short to tell."""
    drives: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in found.where(~np.isnan(values)):
        drives[found.frames[index].source, found.frames[index].sequence].append(index)
    usual = np.zeros(len(values))
    for indices in drives.values():
        if len(indices) >= USUAL:
            usual[indices] = np.median(values[indices])
    return usual


def shared_drives(found: Survey) -> list[str]:
    """Drives that are in more than one split, in words: neighbouring frames are then on both sides of what is to be told apart."""
    sentences = []
    for name, source in found.sources.items():
        splits: dict[str, list[str]] = defaultdict(list)
        for split, drive in source.frames:
            splits[drive].append(split)
        sentences += [f"{name}: drive {drive} is in {' and in '.join(names)}" for drive, names in splits.items() if len(names) > 1]
    return sentences


def explore_page(title: str, found: Survey, console: Console) -> str:
    """The page as HTML, complete in itself. `title`: name of the data set; progress goes to `console`."""
    drives = sum(len({drive for _, drive in source.frames}) for source in found.sources.values())
    kinds = findings(found)
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(found.frames):,} frames from {_many(len(found.sources), 'source')} and {_many(drives, 'drive')}.</p>",
        "<h2>Worth a look</h2>",
        _summary(found, kinds),
        "<h2>Sources</h2>",
        _sources(found),
        _splits(found),
        _drives(found),
        "<h2>Frames</h2>",
        '<p class=dim>Spread evenly over sources and splits. <b class="paint">Lane</b>; <b class="ignored">not known</b>: what the label '
        "leaves open, and classes that a lane mask may decide either way.</p>",
        _gallery(found, _evenly(found), console),
        "<h2>Where the paint is</h2>",
        "<p class=dim>How often each place is lane, over the mean picture of the source. White is most often.</p>",
        _maps(found),
        "<h2>How much, and how bright</h2>",
        plot(_histograms(found), "lane share and brightness of the frames, by source"),
    ]
    for kind in kinds:
        body += [f'<h2 id="{kind.anchor}">{escape(kind.title)}</h2>', f"<p class=dim>{escape(kind.note)}</p>"]
        body += [_pairs(found, console) if kind.anchor == "alike" else _gallery(found, kind.frames[:EXAMPLES], console)]
        body += [_names([_name(found.frames[index]) for index in kind.frames[EXAMPLES:]])]
    for anchor, head, sentences in (
        ("broken", "Cannot be read", found.broken),
        ("shared", "Drives in more than one split", shared_drives(found)),
    ):
        if sentences:
            body += [f'<h2 id="{anchor}">{head}</h2>', _list(sentences)]
    return write_page(title, body, STYLE)


def _summary(found: Survey, kinds: Sequence[Finding]) -> str:
    lines = [(kind.anchor, kind.title, _many(len(kind.frames), "frame")) for kind in kinds]
    if found.broken:
        lines.insert(0, ("broken", "Cannot be read", _many(len(found.broken), "frame")))
    if shared := shared_drives(found):
        lines.append(("shared", "Drives in more than one split", _many(len(shared), "drive")))
    if not lines:
        return "<p>Nothing: every frame can be read, no label looks wrong, and no drive or picture is in two splits.</p>"
    return f"<ul>{''.join(f'<li><a href=#{anchor}>{escape(title)}</a>: {count}</li>' for anchor, title, count in lines)}</ul>"


def _sources(found: Survey) -> str:
    rows = []
    for name, source in found.sources.items():
        frame = next(frame for frame in found.frames if frame.source == name)
        sizes = [f"{width}x{height} ({count:,})" for (width, height), count in source.sizes.most_common(3)]
        sizes += [f"{len(source.sizes) - 3} more"] if len(source.sizes) > 3 else []
        rows.append([name, frame.definition.name, frame.definition.value, frame.licence, ", ".join(sizes)])
    return f'<div class="words">{table(["source", "definition", "what is marked", "licence", "picture sizes"], rows)}</div>'


def _splits(found: Survey) -> str:
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
    return f"<h3>Splits</h3>{table(head, rows)}"


def _drives(found: Survey) -> str:
    drives = [(count, name, split, drive) for name, source in found.sources.items() for (split, drive), count in source.frames.items()]
    rows = [[name, split, drive, f"{count:,}"] for count, name, split, drive in sorted(drives, key=lambda row: -row[0])[:LISTED]]
    more = f"<p class=dim>and {len(drives) - LISTED:,} more</p>" if len(drives) > LISTED else ""
    return f"<details><summary>Drives</summary>{table(['source', 'split', 'drive', 'frames'], rows)}{more}</details>"


def _maps(found: Survey) -> str:
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


def _gallery(found: Survey, indices: Sequence[int], console: Console) -> str:
    return _figures(
        [
            (draw_label(found.frames[index]), f"{_name(found.frames[index])}, {found.share[index]:.1%} lane")
            for index in track(indices, "drawing", console=console, transient=True, disable=not console.is_terminal)
        ]
    )


def _pairs(found: Survey, console: Console) -> str:
    figures = []
    for held, other, bits in track(found.pairs[:EXAMPLES], "drawing", console=console, transient=True, disable=not console.is_terminal):
        frames = found.frames[held], found.frames[other]
        left, right = (draw_label(frame) for frame in frames)
        right = cv2.resize(right, (round(right.shape[1] * left.shape[0] / right.shape[0]), left.shape[0])).astype(np.uint8, copy=False)
        figures.append((np.hstack([left, right]), f"{_name(frames[0])} and {_name(frames[1])}: {bits} bits differ"))
    return _figures(figures, "wide")


def draw_label(frame: LabelledFrame) -> Picture:
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


def _figures(figures: Sequence[tuple[Picture, str]], kind: str = "") -> str:
    items = [f"<figure>{picture(drawn, name, 80)}<figcaption>{escape(name)}</figcaption></figure>" for drawn, name in figures]
    return f'<div class="gallery {kind}">{"".join(items)}</div>'


def _names(names: Sequence[str]) -> str:
    return f"<details><summary>and {len(names):,} more</summary>{_list(names)}</details>" if names else ""


def _list(sentences: Sequence[str]) -> str:
    more = f"<li>and {len(sentences) - LISTED:,} more</li>" if len(sentences) > LISTED else ""
    return f"<ul class=dim>{''.join(f'<li>{escape(text)}</li>' for text in sentences[:LISTED])}{more}</ul>"


def _name(frame: LabelledFrame) -> str:
    return f"{frame.source}/{frame.stem} ({frame.split})"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
