"""docs/ladder.md: the same page as Markdown, its pictures and plots in a folder beside it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common.cli import left_out
from benchmarks.ladder import story
from benchmarks.ladder.expectations import verdicts
from benchmarks.ladder.gallery import SHOTS_SHEET
from benchmarks.ladder.grid import STILL
from benchmarks.ladder.page import detail_rows
from benchmarks.ladder.rungs import BY_NAME
from benchmarks.ladder.show import COLUMNS, draw_learning, draw_tradeoff, summary_rows
from lanes.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Result = dict[str, Any]

HEAD = """# {title}

`python -m benchmarks.ladder --docs docs/ladder.md` writes this page from what it measures; with `--page ladder.html` it is one file, to
open in class.

{introduction}
"""


def write_docs(path: Path, result: Result, pictures: Path) -> None:
    """Writes the page, and its pictures and plots into the folder beside it that has its name.

    Raises InputError when it cannot be written, or Matplotlib is not installed.
    """
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    parts = result["parts"]
    for picture in (SHOTS_SHEET, STILL, *(f"{name}.webp" for name in BY_NAME)):
        if (pictures / picture).is_file() and pictures.resolve() != folder.resolve():
            shutil.copyfile(pictures / picture, folder / picture)
    if "cost" in parts and "accuracy" in parts:
        _write_plot(draw_tradeoff(parts), folder / "tradeoff.svg")
    if parts.get("learning", {}).get("curves"):
        _write_plot(draw_learning(parts), folder / "learning.svg")
    write_atomically(path, docs_page(result, folder))


def docs_page(result: Result, folder: Path) -> str:
    """The page as Markdown. `folder`: of the pictures; those that are not there are left out."""
    parts = result["parts"]
    blocks = [HEAD.format(title=story.TITLE, introduction="\n\n".join(story.INTRODUCTION)).rstrip()]
    blocks += filter(None, [story.missing_line(result["missing"], list(BY_NAME))])
    if "cost" in parts and result["warnings"]:
        blocks.append("Reasons not to trust the times: " + "; ".join(result["warnings"]) + ".")
    blocks += [
        "## Side by side",
        *filter(None, [story.in_short(parts)]),
        *_picture(folder, "tradeoff.svg", "Cost against accuracy of every rung"),
    ]
    blocks += [_table(COLUMNS, summary_rows(parts)), "\n".join(f"- **{name}**: {meaning}" for name, meaning in story.DEFINITIONS)]
    blocks += filter(None, [story.measured_line(result)])
    blocks += ["## What theory predicts, and what was found", _table(("prediction", "asked", "", "figures"), _verdicts(parts))]
    if parts.get("learning", {}).get("curves"):
        blocks += ["## How little data a U-Net needs", *_picture(folder, "learning.svg", "Learning curves"), story.learning_line(parts)]
    if "frames" in parts:
        words = "; ".join(f"{name}: {story.SHOTS[name]}" for name in parts["frames"]["shots"] if name in story.SHOTS)
        blocks += ["## The frames", "From left to right, then the next row: " + (words or ", ".join(parts["frames"]["shots"])) + "."]
        blocks += [*_picture(folder, SHOTS_SHEET, "The frames that every rung is shown")]
        blocks.append(
            "Below, every rung on the same frames in the same order. Of each frame, from top to bottom: what is right and wrong "
            f"({story.COLOURS_WORDS}), the heatmap, and the mask after the threshold."
        )
    blocks.append("## Rung by rung")
    for number, name in enumerate(story.shown(parts), 1):
        blocks += _rung(number, name, parts, folder)
    if "video" in parts:
        blocks += [
            "## One clip through all of them",
            *_picture(folder, STILL, "One frame of the clip through every rung"),
            story.grid_line(parts),
        ]
    blocks.append("## By source, by clip, by engine")
    blocks += [_table(*rows) for rows in detail_rows(parts)]
    blocks += ["## How it was measured", _how(result)]
    return "\n\n".join(blocks) + "\n"


def _rung(number: int, name: str, parts: dict[str, Any], folder: Path) -> list[str]:
    rung, by_shot = BY_NAME[name], parts.get("frames", {}).get("by_rung", {}).get(name, {})
    blocks = [f"### {number}. {rung.title}: `{name}`"]
    blocks += filter(None, [_sentence(story.size_line(parts, name))])
    blocks += [f"{rung.why} {rung.what}", f"**Where it fails.** {rung.fails} {story.best_and_worst(by_shot)}".rstrip()]
    if rung.papers:
        blocks.append("Sources: " + "; ".join(f"[{paper.name}]({paper.url})" for paper in rung.papers) + ".")
    return blocks + (_picture(folder, f"{name}.webp", f"{name} on the frames: errors, heatmap and mask") if by_shot else [])


def _how(result: Result) -> str:
    command = result["command"].replace("`", "")
    lines = [story.HOW, f"```sh\n{command}\n```"]
    lines += [f"Left out: {', '.join(names)}: {reason}." for reason, names in left_out(result).items()]
    return "\n\n".join(lines)


def _verdicts(parts: dict[str, Any]) -> list[list[str]]:
    return [[verdict.claim, verdict.asked, f"**{verdict.word}**", verdict.value] for verdict in verdicts(parts)]


def _picture(folder: Path, name: str, alt: str) -> list[str]:
    return [f"![{alt}]({folder.name}/{name})"] if (folder / name).is_file() else []


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "." if words else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(cells)} |" for cells in escaped]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _write_plot(figure: Figure, path: Path) -> None:
    import matplotlib

    drawn = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    write_atomically(path, drawn.getvalue())
