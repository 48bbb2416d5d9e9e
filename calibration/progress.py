"""How far a step is, on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def show_progress(items: Iterable[Item], what: str, console: Console, total: int | None = None) -> Iterable[Item]:
    """Yields the items under a bar called `what`, which goes away at the end; where stderr is no terminal, one line says what is done."""
    if not console.is_terminal:
        console.print(what, style="dim", highlight=False)
        return items
    return track(items, what, total, console=console, transient=True)
