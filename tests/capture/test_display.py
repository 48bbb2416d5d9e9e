"""Orientation: the eight ways in which a picture can be stored, each shown upright."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.capture.display import UPRIGHT, Orientation
from tests.capture.recordings import read
from tests.media import Clip, numbered

# Row vectors: x' = a x + c y, y' = b x + d y. How NumPy shows the same: transposed?, mirrored?, flipped?
MATRICES = {
    (1, 0, 0, 1): (False, False, False),
    (-1, 0, 0, 1): (False, True, False),
    (1, 0, 0, -1): (False, False, True),
    (-1, 0, 0, -1): (False, True, True),
    (0, 1, 1, 0): (True, False, False),
    (0, 1, -1, 0): (True, True, False),
    (0, -1, 1, 0): (True, False, True),
    (0, -1, -1, 0): (True, True, True),
}


def nine(a: float, b: float, c: float, d: float) -> list[int]:
    return [int(a * 65536), int(b * 65536), 0, int(c * 65536), int(d * 65536), 0, 0, 0, 1 << 30]


def write(path: Path, matrix: list[int]) -> Path:
    """A clip whose track has that display matrix (tkhd, ISO/IEC 14496-12, 8.3.2), the origin at its corner."""
    Clip(frames=3).write(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4
    place += 52 if data[place] else 40
    data[place : place + 36] = np.array(matrix, ">i4").tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("matrix", MATRICES)
def test_all_eight_as_players_show_them(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    transposed, mirrored, flipped = MATRICES[matrix]
    expected = numbered(2)
    expected = expected.transpose(1, 0, 2) if transposed else expected
    expected = expected[:, ::-1] if mirrored else expected
    expected = expected[::-1] if flipped else expected
    frame = read(write(tmp_path / "phone.mp4", nine(*matrix))).frames[2]
    assert frame.pixels.shape == expected.shape
    assert np.median(np.abs(frame.pixels.astype(int) - expected)) < 12
    assert frame.pixels.flags.c_contiguous
    assert frame.pixels.flags.writeable


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_phone_held_otherwise(tmp_path: Path, rotation: int) -> None:
    reading = read(Clip(frames=5, rotation=rotation).write(tmp_path / "phone.mp4"))
    assert [frame.size for frame in reading.frames] == [(96, 64)] * 5
    assert reading.numbers == [0, 1, 2, 3, 4]


@given(st.sampled_from(sorted(MATRICES)), st.floats(0.1, 8), st.floats(-0.3, 0.3))
def test_scale_and_small_turns_change_nothing(matrix: tuple[int, int, int, int], scale: float, angle: float) -> None:
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = np.array(matrix, float).reshape(2, 2) @ turn
    assert Orientation.of_matrix(np.array(nine(*turned.ravel()), np.int32)) == Orientation(*MATRICES[matrix])


def test_a_matrix_of_noughts_is_none() -> None:
    assert Orientation.of_matrix(np.zeros(9, np.int32)) == UPRIGHT


def test_nothing_is_copied_where_nothing_is_turned() -> None:
    pixels = numbered(1)
    assert UPRIGHT.apply(pixels) is pixels


def test_quarter_turns_are_opencvs() -> None:
    pixels = numbered(5)
    assert np.array_equal(Orientation(True, True, False).apply(pixels), cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE))
    assert np.array_equal(Orientation(True, False, True).apply(pixels), cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE))
