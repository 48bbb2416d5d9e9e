"""The pages that are made of the code are those of this code."""

from __future__ import annotations

from pathlib import Path

import pytest

import lanes
from lanes.cli.docs import main, pages

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(("name", "content"), list(pages()), ids=lambda value: value if value.endswith(".md") else "")
def test_a_page_is_up_to_date(name: str, content: str) -> None:
    assert (DOCS / name).read_text() == content, "run: python -m lanes.cli.docs"


def test_the_pages_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path)]) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict(pages())


def test_every_exported_name_is_there_and_documented() -> None:
    page = dict(pages())["api.md"]
    for name in lanes.__all__:
        assert getattr(lanes, name) is not None
        assert f"## {name}\n" in page
    assert "\n\n\n" not in page


def test_no_other_name_is_there() -> None:
    with pytest.raises(AttributeError, match="module 'lanes' has no attribute 'nothing'"):
        lanes.nothing  # noqa: B018
