"""The page of an archive."""

from __future__ import annotations

from lanes.archive.store import Store


def write_page(store: Store) -> None:
    """Writes `index.html` from the tables."""
