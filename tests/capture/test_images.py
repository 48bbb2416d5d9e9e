"""ImageFiles: pictures of any size, depth and format, whole or named as broken."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lanes.capture import open_source
from lanes.capture.images import ImageFiles, read_image
from lanes.capture.video import VideoFile
from lanes.errors import InputError
from tests.capture.photos import tiled_avif
from tests.media import Clip, number_of, numbered


def write_images(folder: Path, count: int = 5) -> Path:
    folder.mkdir(exist_ok=True)
    for index in range(count):
        cv2.imwrite(str(folder / f"{index}.png"), numbered(index))
    return folder


def jpeg(number: int, *options: int) -> bytes:
    return cv2.imencode(".jpg", numbered(number, 640, 480), options)[1].tobytes()


class TestImageFiles:
    def test_natural_order(self, tmp_path: Path) -> None:
        for name in ("frame10.png", "frame9.jpg", "Frame1.png"):
            cv2.imwrite(str(tmp_path / name), numbered(0))
        (tmp_path / "notes.txt").write_text("not an image")
        (tmp_path / ".hidden.png").write_bytes(b"")
        with open_source(str(tmp_path)) as source:
            assert [(frame.source, frame.stem) for frame in source] == [
                ("Frame1.png", "Frame1"),
                ("frame9.jpg", "frame9"),
                ("frame10.png", "frame10"),
            ]
            assert source.info.name == tmp_path.name

    def test_glob(self, tmp_path: Path) -> None:
        write_images(tmp_path / "frames", 12)
        with open_source(f"{tmp_path}/*/1*.png") as source:
            assert [frame.stem for frame in source] == ["1", "10", "11"]

    def test_a_folder_whose_name_is_a_pattern(self, tmp_path: Path) -> None:
        with open_source(str(write_images(tmp_path / "drive [1]"))) as source:
            assert len(list(source)) == 5

    def test_one_image(self, tmp_path: Path) -> None:
        with open_source(str(write_images(tmp_path, 1) / "0.png")) as source:
            assert source.info.kind == "images"
            assert len(list(source)) == 1

    @pytest.mark.parametrize(
        "image",
        [
            pytest.param(numbered(5).astype(np.uint16) * 257, id="16 bits"),
            pytest.param(np.dstack([numbered(5), np.full((64, 96), 90, np.uint8)]), id="alpha"),
            pytest.param(cv2.cvtColor(numbered(5), cv2.COLOR_BGR2GRAY), id="grey"),
        ],
    )
    def test_depths_and_channels(self, tmp_path: Path, image: np.ndarray) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), image)
        with open_source(str(tmp_path)) as source:
            pixels = next(iter(source)).pixels
        assert pixels.shape == (64, 96, 3)
        expected: Any = numbered(5)
        if image.ndim == 2:
            expected = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        assert np.abs(pixels.astype(int) - expected).max() <= 1

    def test_exif_orientation(self, tmp_path: Path) -> None:
        """A phone held upright: the sensor's rows are columns, and tag 0x0112 says 6 (turn clockwise to view)."""
        _, jpeg = cv2.imencode(".jpg", cv2.rotate(numbered(3), cv2.ROTATE_90_COUNTERCLOCKWISE), (cv2.IMWRITE_JPEG_QUALITY, 95))
        tiff = b"MM\x00\x2a\x00\x00\x00\x08" + b"\x00\x01" + b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + b"\x00\x00\x00\x00"
        exif = b"Exif\x00\x00" + tiff
        data = jpeg.tobytes()
        (tmp_path / "phone.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
        with open_source(str(tmp_path)) as source:
            frame = next(iter(source))
        assert frame.size == (96, 64)
        assert number_of(frame.pixels) == 3

    def test_sizes_may_vary(self, tmp_path: Path) -> None:
        sizes = [(1, 1), (17, 9), (64, 96), (300, 20)]
        for index, (width, height) in enumerate(sizes):
            cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((height, width, 3), 50, np.uint8))
        with open_source(str(tmp_path)) as source:
            assert [frame.size for frame in source] == sizes

    def test_broken_images_are_named_and_skipped(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write_images(tmp_path, 4)
        (tmp_path / "1.png").write_bytes(b"no image")
        _, jpeg = cv2.imencode(".jpg", numbered(9, 640, 480))
        (tmp_path / "4.jpg").write_bytes(jpeg.tobytes()[: len(jpeg) // 2])
        (tmp_path / "5.jpg").write_bytes(b"")
        with open_source(str(tmp_path)) as source:
            frames = list(source)
            assert source.corrupt == 3
        assert [(frame.index, frame.time) for frame in frames] == [(0, 0), (2, Fraction(2, 30)), (3, Fraction(3, 30))]
        for name in ("1.png", "4.jpg", "5.jpg"):
            assert sum(name in message for message in caplog.messages) == 1

    def test_another_size_is_a_cut(self, tmp_path: Path) -> None:
        for index, width in enumerate((96, 96, 64, 64, 96)):
            cv2.imwrite(str(tmp_path / f"{index}.png"), numbered(index, width))
        with open_source(str(tmp_path)) as source:
            assert [frame.cut for frame in source] == [False, False, True, False, True]

    @pytest.mark.parametrize("size", [(2, 2), (10_000, 20), (20, 10_000)])
    def test_extreme_sizes(self, tmp_path: Path, size: tuple[int, int]) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), np.full((size[1], size[0], 3), 50, np.uint8))
        with open_source(str(tmp_path)) as source:
            assert [frame.size for frame in source] == [size]

    def test_not_one_can_be_read(self, tmp_path: Path) -> None:
        for name in ("a.png", "b.jpg"):
            (tmp_path / name).write_text("no image")
        with pytest.raises(InputError, match="not one of its 2 images"):
            open_source(str(tmp_path))

    def test_one_that_cannot_be_read_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"missing\.png: cannot be read \(No such file"):
            ImageFiles([tmp_path / "missing.png"], "images").open()


class TestJPEG:
    """A JPEG is whole when its own end is there, whatever follows."""

    OPTIONS = ((), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2))

    @pytest.mark.parametrize("options", OPTIONS)
    @pytest.mark.parametrize("seed", range(5))
    def test_anything_may_be_appended(self, tmp_path: Path, options: tuple[int, ...], seed: int) -> None:
        """Random bytes contain every marker there is, in any order."""
        (tmp_path / "a.jpg").write_bytes(jpeg(5, *options) + np.random.default_rng(seed).bytes(1_000_000))
        assert number_of(read_image(tmp_path / "a.jpg")) == 5

    def test_a_motion_photo(self, tmp_path: Path) -> None:
        film = Clip(frames=20).write(tmp_path / "film.mp4").read_bytes()
        (tmp_path / "a.jpg").write_bytes(jpeg(6) + film)
        assert number_of(read_image(tmp_path / "a.jpg")) == 6

    def test_several_pictures_in_a_row(self, tmp_path: Path) -> None:
        (tmp_path / "a.mpo").write_bytes(jpeg(7) + jpeg(8)[:1000])
        assert number_of(read_image(tmp_path / "a.mpo")) == 7

    def test_a_thumbnail_inside_is_not_the_end(self, tmp_path: Path) -> None:
        """A segment that holds a whole JPEG, before a picture that is cut off."""
        whole, thumbnail = jpeg(9), cv2.imencode(".jpg", numbered(1))[1].tobytes()
        segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
        data = whole[:2] + segment + whole[2:]
        (tmp_path / "a.jpg").write_bytes(data)
        assert number_of(read_image(tmp_path / "a.jpg")) == 9
        (tmp_path / "b.jpg").write_bytes(data[:-2000])
        with pytest.raises(InputError, match="end is missing"):
            read_image(tmp_path / "b.jpg")

    @pytest.mark.parametrize("options", OPTIONS)
    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
    def test_cut_off(self, tmp_path: Path, options: tuple[int, ...], share: float) -> None:
        data = jpeg(9, *options)
        (tmp_path / "a.jpg").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InputError, match="end is missing"):
            read_image(tmp_path / "a.jpg")


class TestTiles:
    """Photos of phones: a grid of tiles is one picture, or is refused."""

    @pytest.mark.parametrize(("rows", "columns"), [(2, 2), (1, 3), (3, 1)])
    def test_whole(self, tmp_path: Path, rows: int, columns: int) -> None:
        (tmp_path / "a.avif").write_bytes(tiled_avif(numbered(37, 256 * columns, 256 * rows), rows, columns))
        with open_source(str(tmp_path / "a.avif")) as source:
            frames = list(source)
        assert [(frame.size, number_of(frame.pixels)) for frame in frames] == [((256 * columns, 256 * rows), 37)]

    def test_refused_where_it_would_be_one_tile(self, tmp_path: Path) -> None:
        """As a video, which FFmpeg takes it for; so are a phone's HEIC pictures, which OpenCV cannot read."""
        (tmp_path / "a.avif").write_bytes(tiled_avif(numbered(37, 512, 512), 2, 2))
        with pytest.raises(InputError, match="stored in tiles"), VideoFile(tmp_path / "a.avif"):
            pass

    def test_a_real_one(self, shared: Path) -> None:
        assert read_image(shared / "field" / "08_tiled_photo.avif").shape == (360, 640, 3)

    def test_avif_of_one_piece(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "a.avif"), numbered(5))
        assert number_of(read_image(tmp_path / "a.avif")) == 5


class TestUnreadable:
    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").touch()
        with pytest.raises(InputError, match="empty"):
            read_image(tmp_path / "a.png")

    @pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tif", ".ppm"])
    def test_cut_off(self, tmp_path: Path, suffix: str) -> None:
        data = cv2.imencode(suffix, np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))[1].tobytes()
        (tmp_path / f"a{suffix}").write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match="cannot be read as an image"):
            read_image(tmp_path / f"a{suffix}")

    def test_huge(self, tmp_path: Path) -> None:
        with (tmp_path / "a.jpg").open("wb") as file:
            file.truncate(5 * 2**30)  # sparse
        with pytest.raises(InputError, match=r"too large for an image \(5.0 GiB\)"):
            read_image(tmp_path / "a.jpg")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read"):
            read_image(tmp_path)

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path: Path) -> None:
        path = write_images(tmp_path, 1) / "0.png"
        path.chmod(0)
        with pytest.raises(InputError, match="permissions"):
            read_image(path)
