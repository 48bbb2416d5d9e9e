"""HTML pages that are complete in themselves: one file that can be mailed, and shown without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #888; --bar: #3a8f5c; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th:first-child, td:first-child, .text { text-align: left; }
.dim, figcaption { color: var(--dim); } img, svg.plot { width: 100%; height: auto; display: block; border-radius: 3px; }
svg.plot { background: #fff; max-width: 60rem; margin: .8rem 0; }
@media (max-width: 50rem) { table { font-size: .8em; } th, td { padding-right: .4rem; } }
"""


def write_page(title: str, body: Sequence[str], style: str = "") -> str:
    """A page under `title` (text) from parts that are HTML already. `style` adds to the common rules."""
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return f"{head}<title>{escape(title)}</title><style>{STYLE}{style}</style>\n" + "\n".join(body) + "\n</html>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] | None = None) -> str:
    """A table of text cells: columns of figures at the right, those of words at the left, each heading as its cells.

    `classes` gives each row's CSS class. A head that names no column is left out.
    """
    classes = classes or [""] * len(rows)
    words = [not all(_is_figure(row[column]) for row in rows) for column in range(len(head))]
    names = f"<tr>{_cells('th', head, words)}</tr>" if any(head) else ""
    lines = [f'<tr class="{kind}">{_cells("td", row, words)}</tr>' for row, kind in zip(rows, classes, strict=True)]
    return f"<table>{names}{''.join(lines)}</table>"


def _is_figure(cell: str) -> bool:
    """Whether a cell begins as a figure does, or is empty: then it says nothing against a column of figures."""
    return cell[:1] in "+-.0123456789"


def _cells(tag: str, row: Sequence[str], words: Sequence[bool]) -> str:
    # No break inside a range: one may stand under its figure, but a limit alone on a line looks like another figure.
    kept = [cell if text else cell.replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}") for cell, text in zip(row, words, strict=True)]
    return "".join(f"<{tag}{' class=text' * text}>{escape(cell)}</{tag}>" for cell, text in zip(kept, words, strict=True))


def picture(pixels: NDArray[np.uint8], alt: str, quality: int = 85) -> str:
    """A picture (H, W, 3, BGR or H, W, grey; uint8) as an image inside the page."""
    _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/jpeg;base64,{base64.b64encode(code.tobytes()).decode()}">'


def plot(figure: Figure, alt: str) -> str:
    """A Matplotlib figure as vector graphics inside the page."""
    drawn = io.StringIO()
    # Text stays text, so that it can be searched and copied. No date: the same results give the same page.
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": alt}):
        figure.savefig(drawn, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg = drawn.getvalue()
    return svg[svg.index("<svg") :].replace("<svg", f'<svg class="plot" role="img" aria-label="{escape(alt, quote=True)}"', 1)
