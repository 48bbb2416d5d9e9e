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
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; }
.dim, figcaption { color: var(--dim); } img, svg.plot { width: 100%; height: auto; display: block; border-radius: 3px; }
svg.plot { background: #fff; max-width: 60rem; }
"""


def write_page(title: str, body: Sequence[str], style: str = "") -> str:
    """A page under `title` (text) from parts that are HTML already. `style` adds to the common rules."""
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return f"{head}<title>{escape(title)}</title><style>{STYLE}{style}</style>\n" + "\n".join(body) + "\n</html>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] | None = None) -> str:
    """A table of text cells; `classes` gives each row's CSS class."""
    classes = classes or [""] * len(rows)
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = [
        f'<tr class="{kind}">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row, kind in zip(rows, classes, strict=True)
    ]
    return f"<table><tr>{names}</tr>{''.join(lines)}</table>"


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
