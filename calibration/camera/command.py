"""Find a camera's intrinsics from photographs of a chessboard, and write them as camera.yaml.

Print the board with --print-board, fix it to something flat and stiff, and photograph it 12 to 20 times as the camera takes its video: in
all parts of the picture, the corners too, tilted differently in each, whole, and sharp.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from calibration.camera.board import Board, board, list_photographs
from calibration.camera.examine import Report, examine
from calibration.camera.page import camera_page, shown
from calibration.camera.printing import PAPERS, board_pdf
from lanes.cli.arguments import Parser, output_path, positive
from lanes.cli.console import plain_console
from lanes.errors import InputError, exit_status
from lanes.files import check_distinct, check_file, write_atomically
from lanes.geometry.camera_file import CameraFile, check_length, check_name
from lanes.html.page import check_pages


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m calibration.camera", __doc__)
    parser.add_argument("--images", type=str, metavar="DIR", help="folder, or glob, of photographs of the board")
    parser.add_argument("--board", type=board, default=Board(9, 6), metavar="CxR", help="inner corners of the board, columns and rows")
    parser.add_argument("--square", type=positive, default=25.0, metavar="MM", help="side of a square, millimetres")
    parser.add_argument("--out", type=output_path, metavar="FILE", help="camera.yaml to write")
    parser.add_argument(
        "--page", type=output_path, metavar="FILE", help="write a page with every view and every rejected photograph (HTML)"
    )
    parser.add_argument("--name", type=str, default="camera", metavar="NAME", help="what the camera is called")
    parser.add_argument("--height", type=float, metavar="M", help="height of the camera above the road, metres")
    parser.add_argument("--vehicle-width", type=float, metavar="M", help="width between the outer edges of the tyres, metres")
    parser.add_argument("--lateral-offset", type=float, metavar="M", help="camera's offset from the vehicle's middle, left above 0, metres")
    parser.add_argument("--print-board", type=output_path, metavar="FILE", help="write the board to print instead, true to scale (PDF)")
    parser.add_argument("--paper", choices=sorted(PAPERS), default="a4", help="paper to print it on")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    args = parser.parse_args(arguments)
    if args.print_board is None and (args.images is None or args.out is None):
        parser.error("give --images and --out to calibrate a camera, or --print-board for a board")
    if args.print_board is not None and (args.images is not None or args.out is not None or args.page is not None):
        parser.error("--print-board stands alone: print the board first, then calibrate with --images and --out")
    return args


def run(args: argparse.Namespace, console: Console) -> tuple[Report, CameraFile]:
    """Calibrates as the command line asks for.

    Raises:
        InputError: the photographs give no camera. A page that was asked for is written even then.
        OutputError: a file cannot be written.
    """
    lengths = {"height_m": args.height, "vehicle_width_m": args.vehicle_width, "camera_lateral_offset_m": args.lateral_offset}
    check_name(args.name)
    for name, value in lengths.items():
        check_length(name, value)
    files = list_photographs(args.images)
    outputs = [path for path in (args.out, args.page) if path is not None]
    for path in outputs:
        check_file(path, files, args.overwrite)
    check_distinct(outputs)
    if args.page is not None:
        check_pages()
    report = examine(files, args.board, console)
    for each in report.rejected:
        console.print(f"{each.name}: {each.cause}", soft_wrap=True)
    for warning in report.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)
    if args.page is not None:
        write_atomically(args.page, camera_page(report, args.name))
    if report.refusal:
        raise InputError(report.refusal + (f"; {args.page} shows each photograph" if args.page is not None else ""))
    camera = replace(
        report.camera(args.name),
        height_m=args.height,
        vehicle_width_m=args.vehicle_width,
        camera_lateral_offset_m=args.lateral_offset,
    )
    camera.write(args.out)
    return report, camera


def intrinsics_table(report: Report) -> Table:
    """The parameters with their standard deviations, with the views that were kept and, where some were dropped, with all."""
    assert report.solution is not None
    fits = [report.solution.fit, *([report.solution.fit_all] if report.solution.dropped else [])]
    table = Table(title="intrinsics", title_justify="left", box=None, padding=(0, 1), pad_edge=False)
    for head in ("", "value", "std", "with all views", "std")[: 1 + 2 * len(fits)]:
        table.add_column(head, justify="left" if not head else "right")
    for name in report.solution.fit.parameters:
        cells = [cell for fit in fits for cell in shown(fit.parameters[name], fit.std[name])]
        table.add_row(name, *cells)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)

    def work() -> None:
        if args.print_board is not None:
            check_file(args.print_board, [], args.overwrite)
            write_atomically(args.print_board, board_pdf(args.board, args.square, args.paper))
            return
        report, _ = run(args, plain_console(stderr=True))
        console = plain_console(width=120)
        console.print(intrinsics_table(report))
        console.print(f"{args.out}: {report.summary}", soft_wrap=True)

    return exit_status("calibration.camera", work)


if __name__ == "__main__":
    sys.exit(main())
