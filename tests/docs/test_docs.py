"""The commands in docs/ fit the programs: each module runs, and knows every option that a page gives it."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "lanes/weights").glob("*.md"))]


def commands() -> dict[str, set[str]]:
    """Options given to each module, over all pages."""
    options: dict[str, set[str]] = {}
    for page in PAGES:
        for found in re.findall(r"python3? -m ((?:lanes|engines|calibration|benchmarks)\.[\w.]+[^`\n]*)", page.read_text()):
            module, *given = shlex.split(found.split("#")[0])
            options.setdefault(module, set()).update(word.partition("=")[0] for word in given if word.startswith("--"))
    return options


@pytest.mark.parametrize(("module", "options"), commands().items())
def test_the_program_knows_the_options(
    module: str, options: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for library in ("torch", "lightning", "matplotlib"):
        pytest.importorskip(library, reason=f"{library} is not installed: pip install 'lanestream[train]'")
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    assert ended.value.code in (0, None)
    known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    assert options <= known


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
