"""The page of the ladder as HTML, complete in itself: the one that a teacher opens in class."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common.cli import ROOT, left_out
from benchmarks.ladder import story
from benchmarks.ladder.expectations import Verdict, verdicts
from benchmarks.ladder.gallery import COLUMNS as TILE_COLUMNS
from benchmarks.ladder.gallery import SHOTS_SHEET
from benchmarks.ladder.grid import STILL
from benchmarks.ladder.rungs import BY_NAME
from benchmarks.ladder.show import COLUMNS, draw_learning, draw_tradeoff, engine_rows, flicker_rows, seed_rows, source_rows, summary_rows
from lanes.html.page import plot, render, table

if TYPE_CHECKING:
    from markupsafe import Markup

Result = dict[str, Any]


DETAILS = (("accuracy", source_rows), ("learning", seed_rows), ("flicker", flicker_rows), ("cost", engine_rows))
"""The tables below the stories, by the part that each is of."""


def picture_folder(cache: Path, docs: Path | None) -> Path:
    """Where the pictures are: those just made, else those beside the page of the documentation that is written, else the project's own."""
    beside = [] if docs is None else [docs.with_suffix("")]
    return next((folder for folder in (cache, *beside) if (folder / SHOTS_SHEET).exists()), ROOT / "docs" / "ladder")


def ladder_page(result: Result, pictures: Path) -> str:
    """The page as HTML.

    Args:
        result: of `benchmarks.ladder`. pictures: the folder of its sheets; those that are not there are left out.

    Raises:
        InputError: Jinja2 or Matplotlib is not installed.
    """
    parts = result["parts"]
    frames = parts.get("frames")
    sheets = {} if frames is None else _sheets(frames, pictures)
    names = story.shown(parts)
    shots = None if frames is None or "frames" not in sheets else _tiles(frames["shots"], {}, "")
    return render(
        "ladder.html.j2",
        title=story.TITLE,
        introduction=[inline(text) for text in story.INTRODUCTION],
        result=result,
        reasons=left_out(result),
        in_short=story.in_short(parts),
        missing=story.missing_line(result["missing"], list(BY_NAME)),
        warnings=result["warnings"] if "cost" in parts else [],
        definitions=[(name, inline(meaning)) for name, meaning in story.DEFINITIONS],
        measured=story.measured_line(result),
        learning_note=story.learning_line(parts),
        colours=story.COLOURS_WORDS,
        rendered=frames is not None and set(frames["shots"]) <= set(story.SHOTS),
        shots=shots,
        sheets=sheets,
        rungs=[_rung(name, parts, sheets) for name in names],
        grid=_still(pictures / STILL) if "video" in parts else None,
        grid_caption=story.grid_line(parts),
        how=inline(story.HOW),
        **ladder_context(result),
    )


def inline(text: str) -> Markup:
    """Text with `code` in it, as markup."""
    from markupsafe import Markup, escape

    pieces = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces))


def ladder_context(result: Result) -> dict[str, Any]:
    """Verdicts, and plots and tables as markup; a plot whose part was not measured is None."""
    parts = result["parts"]
    both = "cost" in parts and "accuracy" in parts
    tables = [(rows[0][0].split(",")[0], table(*rows)) for rows in detail_rows(parts)]
    return {
        "verdicts": [_shown(verdict) for verdict in verdicts(parts)],
        "summary": table(COLUMNS, summary_rows(parts)),
        "tradeoff": plot(draw_tradeoff(parts), "Cost against accuracy of every rung") if both else None,
        "learning": plot(draw_learning(parts), "Learning curves") if parts.get("learning", {}).get("curves") else None,
        "tables": tables,
    }


def detail_rows(parts: dict[str, Any]) -> list[tuple[list[str], list[list[str]]]]:
    """Head and rows of each table of details, of the parts that were measured."""
    found = []
    for name, rows in DETAILS:
        if parts.get(name):
            found.append(rows(parts))
    return found


def _shown(verdict: Verdict) -> dict[str, str]:
    value = verdict.value[:1].upper() + verdict.value[1:]
    return {"word": verdict.word, "claim": verdict.claim, "asked": verdict.asked, "value": value}


def _rung(name: str, parts: dict[str, Any], sheets: dict[str, Any]) -> dict[str, Any]:
    rung, by_shot = BY_NAME[name], parts.get("frames", {}).get("by_rung", {}).get(name, {})
    return {
        "name": name,
        "title": rung.title,
        "why": rung.why,
        "what": rung.what,
        "fails": rung.fails,
        "papers": rung.papers,
        "size": story.size_line(parts, name),
        "found": story.best_and_worst(by_shot),
        "tiles": _tiles(list(by_shot), by_shot, name) if name in sheets else None,
    }


def _sheets(frames: dict[str, Any], pictures: Path) -> dict[str, dict[str, Any]]:
    """What the style of each sheet needs, by name."""
    count = len(frames["shots"])
    columns = min(TILE_COLUMNS, count)
    width, height = frames["tile"]
    found = {}
    for name in (Path(SHOTS_SHEET).stem, *frames["by_rung"]):
        path = pictures / f"{name}.webp"
        if path.is_file():
            high = height if path.name == SHOTS_SHEET else 3 * height
            data = base64.b64encode(path.read_bytes()).decode()
            found[name] = {"data": data, "columns": columns, "rows": -(-count // columns), "width": width, "height": high}
    return found


def _tiles(shots: list[str], figures: dict[str, Any], rung: str) -> list[dict[str, Any]]:
    """Where each tile is on its sheet, in percent as CSS counts it, and what stands below it."""
    columns = min(TILE_COLUMNS, len(shots))
    rows = -(-len(shots) // columns)
    tiles = []
    for index, shot in enumerate(shots):
        row, column = divmod(index, columns)
        caption = story.caption(figures[shot]) if shot in figures else story.SHOTS.get(shot, "")
        tiles.append(
            {
                "x": f"{100 * column / max(1, columns - 1):g}",
                "y": f"{100 * row / max(1, rows - 1):g}",
                "caption": f"{shot}: {caption}" if caption else shot,
                "alt": f"{rung} on {shot}: errors, heatmap and mask" if rung else f"the frame {shot}",
            }
        )
    return tiles


def _still(path: Path) -> Markup | None:
    from markupsafe import Markup

    if not path.is_file():
        return None
    data = base64.b64encode(path.read_bytes()).decode()
    return Markup('<img alt="one frame of the clip through every rung" src="data:image/webp;base64,{}">').format(data)
