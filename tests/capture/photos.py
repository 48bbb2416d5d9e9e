"""Photos as phones store them: a grid of tiles in a HEIF container (ISO/IEC 23008-12), here with AV1 inside (AVIF)."""

from __future__ import annotations

import struct

import cv2
import numpy as np


def box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def tiled_avif(picture: np.ndarray, rows: int, columns: int) -> bytes:
    """An AVIF that stores a picture, (H, W, 3) BGR, in tiles of equal size."""
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    coded = [
        cv2.imencode(".avif", picture[row * height : (row + 1) * height, column * width : (column + 1) * width])[1].tobytes()
        for row in range(rows)
        for column in range(columns)
    ]
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, columns * width, rows * height)
    data = [grid, *(_find(tile, b"mdat")[8:] for tile in coded)]
    shared = [_find(coded[0], kind) for kind in (b"av1C", b"pixi", b"colr")]
    whole, tile = (full_box(b"ispe", struct.pack(">II", *size)) for size in ((columns * width, rows * height), (width, height)))
    items = range(1, len(data) + 1)

    def meta(start: int) -> bytes:
        offsets = [start + sum(map(len, data[:index])) for index in range(len(data))]
        places = b"".join(struct.pack(">HHHII", item, 0, 1, offsets[item - 1], len(data[item - 1])) for item in items)
        entries = [full_box(b"infe", struct.pack(">HH4s", item, 0, b"grid" if item == 1 else b"av01"), b"\0", version=2) for item in items]
        # Properties, from 1: the whole size, a tile's size, av1C (essential: the high bit), pixi, colr.
        uses = struct.pack(">HB3B", 1, 3, 1, 4, 5) + b"".join(struct.pack(">HB4B", item, 4, 2, 0x83, 4, 5) for item in items[1:])
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", struct.pack(">H", 1)),
            full_box(b"iloc", b"\x44\x00", struct.pack(">H", len(data)), places),
            full_box(b"iinf", struct.pack(">H", len(data)), *entries),
            full_box(b"iref", box(b"dimg", struct.pack(f">HH{len(coded)}H", 1, len(coded), *items[1:]))),
            box(b"iprp", box(b"ipco", whole, tile, *shared), full_box(b"ipma", struct.pack(">I", len(data)), uses)),
        )

    head = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", *data)


def _find(data: bytes, kind: bytes) -> bytes:
    """The box of that kind, header included, wherever it lies."""
    at = data.index(kind) - 4
    return data[at : at + int.from_bytes(data[at : at + 4], "big")]
