"""Pictures in a folder: overlays and masks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lanes.capture import open_source
from lanes.errors import OutputError
from lanes.output.images import ImagesSink, write_png
from lanes.output.masks import MasksSink
from tests.media import number_of, numbered
from tests.output.results import names, result


class TestMasks:
    def test_exact_eight_bit_and_named_by_stem(self, tmp_path: Path) -> None:
        with MasksSink(tmp_path / "new" / "masks") as sink:
            results = [
                result(0),
                result(1, stem="photo"),
                result(2, np.zeros((9, 17, 3), np.uint8)),
                result(3, np.zeros((1, 1, 3), np.uint8)),
            ]
            for each in results:
                sink.write(each)
        folder = tmp_path / "new" / "masks"
        assert names(folder) == ["000000.png", "000002.png", "000003.png", "photo.png"]
        for each in results:
            mask: Any = cv2.imread(str(folder / f"{each.frame.stem}.png"), cv2.IMREAD_UNCHANGED)
            assert mask.dtype == np.uint8
            assert np.array_equal(mask, each.mask)

    def test_a_lost_folder_is_one_line(self, tmp_path: Path) -> None:
        sink = MasksSink(tmp_path / "masks")
        sink.write(result(0))
        shutil.rmtree(tmp_path / "masks")
        with pytest.raises(OutputError, match=r"000001\.png: cannot be written"):
            sink.write(result(1))


class TestImagesSink:
    def test_frames_of_any_size_come_out_exactly(self, tmp_path: Path) -> None:
        pictures = [numbered(0), numbered(1, 33, 21), np.zeros((1, 1, 3), np.uint8)]
        with ImagesSink(tmp_path / "out") as sink:
            for number, picture in enumerate(pictures):
                sink.write(result(number, picture))
        for number, picture in enumerate(pictures):
            written: Any = cv2.imread(str(tmp_path / "out" / f"{number:06d}.png"))
            assert np.array_equal(written, picture)

    def test_round_trip_through_the_image_source(self, tmp_path: Path) -> None:
        with ImagesSink(tmp_path / "frames") as sink:
            for number in range(12):
                sink.write(result(number, stem=f"f{number}"))
        with open_source(str(tmp_path / "frames")) as source:
            assert [number_of(frame.pixels) for frame in source] == list(range(12))


class TestWritePng:
    @pytest.mark.parametrize("stem", ["x" * 251, "\u8def" * 83, "\U0001f697" * 62 + "abc"], ids=["ascii", "three bytes", "four bytes"])
    def test_names_as_long_as_they_may_be(self, tmp_path: Path, stem: str) -> None:
        write_png(tmp_path / f"{stem}.png", numbered(3))
        assert names(tmp_path) == [f"{stem}.png"]

    def test_a_name_that_is_too_long_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="cannot be written"):
            write_png(tmp_path / f"{'x' * 252}.png", numbered(3))
        assert names(tmp_path) == []

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk_leaves_the_image_before(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_png(tmp_path / "a.png", numbered(1))
        before = (tmp_path / "a.png").read_bytes()
        write_text = Path.write_text
        monkeypatch.setattr(Path, "write_bytes", lambda _, data: write_text(Path("/dev/full"), repr(data)))
        with pytest.raises(OutputError, match="No space left"):
            write_png(tmp_path / "a.png", numbered(2))
        assert names(tmp_path) == ["a.png"]
        assert (tmp_path / "a.png").read_bytes() == before
