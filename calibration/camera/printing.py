"""The board to print, as a PDF of vector squares, true to scale."""

from __future__ import annotations

from collections.abc import Sequence

from calibration.camera.board import Board
from lanes.errors import InputError

PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""Short and long side, millimetres."""

POINT = 72 / 25.4
"""Units of a PDF in a millimetre."""

SIDE, TOP, BOTTOM = 10.0, 10.0, 20.0
"""Millimetres that stay white around the board, where printers do not reach and text stands."""

RULER = 100.0
"""Millimetres."""


def board_pdf(board: Board, square: float, paper: str) -> bytes:
    """One page with the board in its middle, its dimensions, and a line to measure.

    Args:
        square: side of a square, millimetres.
        paper: of `PAPERS`, turned as the board is wider or higher.

    Raises:
        InputError: the board is too large for the paper.
    """
    columns, rows = board.columns + 1, board.rows + 1
    wide, high = columns * square, rows * square
    across, up = PAPERS[paper] if rows > columns else PAPERS[paper][::-1]
    if wide > across - 2 * SIDE or high > up - TOP - BOTTOM:
        fits = min((across - 2 * SIDE) / columns, (up - TOP - BOTTOM) / rows)
        raise InputError(
            f"a board of {board} inner corners with squares of {square:g} mm is {wide:g} x {high:g} mm, too large for the paper {paper} "
            f"({across:g} x {up:g} mm): give --square {int(fits * 10) / 10:g} or less, or fewer corners"
        )
    left, bottom = (across - wide) / 2, BOTTOM + (up - TOP - BOTTOM - high) / 2
    squares = [
        f"{_points(left + column * square, bottom + row * square, square, square)} re"
        for row in range(rows)
        for column in range(columns)
        if (row + column) % 2 == 0
    ]
    lines = (
        f"{board} inner corners, squares of {square:g} mm, {wide:g} x {high:g} mm in all. Print at 100 %, not fitted to the page, and "
        "fix it to something flat.",
        f"The line below is {RULER:g} mm long; measure it, and a square, for --square.",
    )
    texts = [f"BT /F 7.5 Tf {_points(SIDE, 12.5 - 3.5 * index)} Td ({line}) Tj ET" for index, line in enumerate(lines)]
    ruler = [f"{_points(SIDE, 5.5)} m {_points(SIDE + RULER, 5.5)} l S"]
    ruler += [f"{_points(SIDE + at, 4.5)} m {_points(SIDE + at, 6.5)} l S" for at in (0.0, RULER)]
    content = "\n".join(["0 g", *squares, "f", *texts, "0.5 w", *ruler]).encode("ascii")
    return _document(across, up, content)


def _points(*millimetres: float) -> str:
    return " ".join(f"{value * POINT:.4f}" for value in millimetres)


def _document(across: float, up: float, content: bytes) -> bytes:
    """A PDF of one page. Its viewer is asked not to fit the page to the paper when it prints."""
    objects: Sequence[bytes] = (
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_points(across, up)}] /Contents 4 0 R "
        "/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>".encode("ascii"),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )
    written = bytearray(b"%PDF-1.6\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(written)
