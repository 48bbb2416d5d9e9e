"""What comes from outside is shown as it is, in every program: names with square brackets are no markup."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.table import Table

from lanes import flicker
from lanes.cli.console import plain_console
from lanes.cli.streams import printable
from tests.media import Clip

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["drive [front].mp4", "x[/a].mp4", "[bold]b.mp4", ":car:.mp4"]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_of_videos_names_them_as_they_are(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = tmp_path / name
    video.parent.mkdir(exist_ok=True)
    Clip(frames=5).write(video)
    assert flicker.main([str(video)]) == 0
    assert video.name in capsys.readouterr().out


def modules() -> Iterator[str]:
    for package in ("lanes", "engines", "calibration", "benchmarks"):
        yield from sorted(str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_console_shows_text_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(name, title=name)
    table.add_row(name)
    console = plain_console(width=60)
    console.print(table)
    console.print(name)
    assert capsys.readouterr().out.count(name) == 4


def test_control_characters_are_written_out() -> None:
    assert printable("a\x1b[2J\nb\x9b1m\u2028c\udce9 ü 高") == r"a\x1b[2J\nb\x9b1m\u2028c\udce9 ü 高"


@pytest.mark.parametrize("module", [module for module in modules() if module != "lanes/cli/console.py"])
def test_every_console_is_plain(module: str) -> None:
    calls = [node.func for node in ast.walk(ast.parse((ROOT / module).read_text())) if isinstance(node, ast.Call)]
    names = {call.id if isinstance(call, ast.Name) else call.attr for call in calls if isinstance(call, ast.Name | ast.Attribute)}
    assert "Console" not in names, "take lanes.cli.console.plain_console"
