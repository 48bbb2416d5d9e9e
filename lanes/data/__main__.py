"""Shows what is in a data set: `python -m lanes.data explore DIR --out report/`.

DIR is a folder in any format that training reads (docs/training.md lists them), or a folder of such folders. Every frame is read once. The
page, report/index.html, is complete in itself: counts, sizes, where the paint is, a montage with the labels drawn, labels that look
wrong, and near-duplicate images in two splits.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lanes.cli.arguments import Parser, output_path
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.data.explore.findings import findings, shared_drives
from lanes.data.explore.survey import survey
from lanes.data.open import list_frames, recognise
from lanes.errors import InputError, exit_status
from lanes.files import write_atomically
from lanes.html.page import check_pages


def explore(root: Path, out: Path, console: Console) -> Path:
    """Writes the page and returns where it is. What looks wrong is printed on the console. Raises InputError as `list_frames` does."""
    check_pages()
    try:
        from lanes.data.explore.page import explore_page
    except ModuleNotFoundError as missing:
        raise InputError(f"{missing.name} is not installed: pip install 'lanestream[plots]'") from None
    formats = ", ".join(dict.fromkeys(kind.name for _, kind in recognise(root)))
    frames = list_frames(root)
    if not frames:
        raise InputError(f"{root} ({formats}) lists no frame")
    found = survey(frames, console)
    page = out / "index.html"
    write_atomically(page, explore_page(f"{root.resolve().name} ({formats})", found, console))
    counts = {"Cannot be read": len(found.broken)} | {kind.title: len(kind.frames) for kind in findings(found)}
    counts["Drives in more than one split"] = len(shared_drives(found))
    for title, count in counts.items():
        if count:
            console.print(f"{count:>7,}  {title}", highlight=False)
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = Parser("python -m lanes.data", __doc__)
    commands = parser.add_subparsers(required=True, metavar="explore", parser_class=Parser)
    command = commands.add_parser("explore", prog="python -m lanes.data explore", help="write a page that shows what is in a data set")
    command.add_argument("root", type=Path, metavar="DIR", help="data set, in any format of docs/training.md")
    command.add_argument("--out", type=output_path, required=True, metavar="DIR", help="folder for index.html")
    args = parser.parse_args(arguments)
    with messages("lanes.data"):
        return exit_status("lanes.data", lambda: print(explore(args.root, args.out, plain_console(stderr=True))))


if __name__ == "__main__":
    sys.exit(main())
