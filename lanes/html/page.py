"""HTML pages that are complete in themselves: one file that can be mailed, and shown without a network.

A page is a template in `lanes/html/templates` that extends `base.html.j2`, which has the look of them all. Whatever goes into a template is
escaped, but for what `table`, `plot` and `embed_image` return, which is markup already.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.errors import InputError

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).parent / "templates"


def check_pages() -> None:
    """Raises InputError, which says what to install, where pages cannot be made: to be called before the work whose page is wanted."""
    _environment()


def render(template: str, **context: Any) -> str:
    """A page as HTML.

    Args:
        template: file name in the folder of templates.
        context: what the template names; one that it names and is not given is an error.

    Raises:
        InputError: Jinja2 is not installed.
    """
    return _environment().get_template(template).render(context)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str] = ()) -> Markup:
    """A table that scrolls sideways where the screen is narrow.

    Columns of figures stand at the right, columns with words in them at the left.

    Args:
        head: names of the columns; without any name there is no head.
        rows: cells, text or markup.
        kinds: the class of each row, `strong` for one that stands out; empty for none.

    Raises:
        InputError: Jinja2 is not installed.
    """
    from markupsafe import Markup

    text = [not all(_is_figure(row[column]) for row in rows) for column in range(len(head))]
    # No break inside a range: one may stand under its figure, but a limit alone on a line looks like another figure.
    cells = [[cell if words else _unbroken(cell) for cell, words in zip(row, text, strict=True)] for row in rows]
    return Markup(render("table.html.j2", head=head, rows=cells, kinds=kinds or [""] * len(rows), text=text))


def embed_image(pixels: NDArray[np.uint8], alt: str, quality: int = 85) -> Markup:
    """An image inside the page.

    Args:
        pixels: (H, W, 3) uint8 BGR, or (H, W) uint8 grey.
        alt: what it shows, in words.
        quality: of the JPEG, 1 to 100.
    """
    from markupsafe import Markup

    _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Markup('<img alt="{}" src="data:image/jpeg;base64,{}">').format(alt, base64.b64encode(code.tobytes()).decode())


def plot(figure: Figure, alt: str) -> Markup:
    """A Matplotlib figure as vector graphics inside the page. `alt`: what it shows, in words."""
    import matplotlib
    from markupsafe import Markup

    drawn = io.StringIO()
    # Text stays text, so that it can be searched and copied. No date: the same results give the same page.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": alt}):
        figure.savefig(drawn, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg = drawn.getvalue()
    return Markup(svg[svg.index("<svg") :].replace("<svg", f'<svg class="plot" role="img" aria-label="{escape(alt, quote=True)}"', 1))


def _is_figure(cell: str) -> bool:
    """Whether a cell begins as a figure does, or is empty: then it says nothing against a column of figures."""
    return cell[:1] in "+-.0123456789"


def _unbroken(cell: str) -> str:
    return cell.replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise InputError("pages need Jinja2: pip install 'lanestream[plots]'") from None
    loader = FileSystemLoader(TEMPLATES)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
