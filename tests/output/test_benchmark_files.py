"""TuSimple's and CULane's files: read back by the project's own readers, and scored as the lanes that were written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import lanes
from lanes.data.open import list_frames
from lanes.errors import InputError
from lanes.evaluate.lanes import CULANE_SIZE, TUSIMPLE_SIZE, score_culane, score_tusimple
from lanes.output.benchmark_files import CULaneSink, TuSimpleSink
from lanes.results import Frame, FrameResult, Lane
from tests.media import Clip

Points = NDArray[np.float32]


def straight(size: tuple[int, int], feet: Sequence[float], top: float = 0.45) -> list[Points]:
    """Lines from the bottom of the frame to one vanishing point, from the bottom upward; `feet` in shares of the width."""
    width, height = size
    y = np.linspace(height - 1, top * height, 40)
    share = (y - 0.35 * height) / (height - 1 - 0.35 * height)
    lines = [np.stack([width * (0.5 + (foot - 0.5) * share), y], axis=1) for foot in feet]
    return [line[(line[:, 0] >= 0) & (line[:, 0] < width)].astype(np.float32) for line in lines]


def found(path: Path, size: tuple[int, int], feet: Sequence[float]) -> FrameResult:
    positions = (-2, -1, 1, 2, 3)[-len(feet) :] if len(feet) > 4 else (-2, -1, 1, 2)[: len(feet)]
    each = [Lane(position, points, 0.9, n) for n, (position, points) in enumerate(zip(positions, straight(size, feet), strict=True), 1)]
    frame = Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, Fraction(0), path.name, path.stem, path=path)
    stages = {"capture": 5.0, "preprocess": 1.0, "inference": 4.0, "postprocess": 0.5, "lanes": 2.0, "overlay": 3.0, "total": 50.0}
    return FrameResult(frame, np.zeros(size[::-1], np.uint8), each, latency_ms=stages)


FEET = (-0.4, 0.2, 0.75, 1.3)
LABEL = (-0.42, 0.21, 0.76, 1.5)


class TestTuSimple:
    def image(self, root: Path, size: tuple[int, int] = TUSIMPLE_SIZE) -> Path:
        path = root / "clips/0531/1492626760788443246/20.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((size[1], size[0], 3), np.uint8))
        return path

    def test_the_projects_own_reader_reads_it_and_the_score_is_that_of_the_lanes(self, tmp_path: Path) -> None:
        image = self.image(tmp_path)
        written = found(image, TUSIMPLE_SIZE, FEET)
        with TuSimpleSink(tmp_path / "test_label_lanes.json") as sink:
            sink.write(written)
        (frame,) = list_frames(tmp_path)
        assert frame.image_path == image
        read = frame.polylines()
        label = straight(TUSIMPLE_SIZE, LABEL)
        assert score_tusimple(read, label) == score_tusimple([lane.points for lane in written.lanes], label)
        assert 0.5 < score_tusimple(read, label).accuracy < 1

    def test_its_fields_are_those_of_the_benchmark(self, tmp_path: Path) -> None:
        image = self.image(tmp_path / "elsewhere")
        with TuSimpleSink(tmp_path / "out" / "lanes.json") as sink:
            sink.write(found(image, TUSIMPLE_SIZE, FEET))
        line = json.loads((tmp_path / "out" / "lanes.json").read_text())
        assert set(line) == {"raw_file", "lanes", "h_samples", "run_time"}
        assert line["raw_file"] == image.as_posix()
        assert line["h_samples"] == list(range(160, 711, 10))
        assert line["run_time"] == 7.5
        assert all(len(lane) == 56 for lane in line["lanes"])
        assert [lane[0] for lane in line["lanes"]] == [-2] * 4  # 160 is above all of them
        assert line["lanes"][1][-1] == pytest.approx(1280 * 0.2, abs=10)

    def test_rows_follow_the_frames_height_and_a_third_boundary_is_left_out(self, tmp_path: Path) -> None:
        with TuSimpleSink(tmp_path / "lanes.json") as sink:
            sink.write(found(self.image(tmp_path, (640, 360)), (640, 360), (*FEET, 1.7)))
        line = json.loads((tmp_path / "lanes.json").read_text())
        assert line["h_samples"][:2] + line["h_samples"][-1:] == [80, 85, 355]
        assert len(line["lanes"]) == 4

    def test_a_frame_of_a_video_is_called_by_its_number(self, tmp_path: Path) -> None:
        Clip(frames=3, width=160, height=96).write(tmp_path / "drive.mp4")
        list(lanes.process(tmp_path / "drive.mp4", tusimple=tmp_path / "lanes.json"))
        names = [json.loads(line)["raw_file"] for line in (tmp_path / "lanes.json").read_text().splitlines()]
        assert names == [f"drive/00000{n}.jpg" for n in range(3)]


class TestCULane:
    def tree(self, root: Path) -> list[Path]:
        """Two images of one name in two clips, and the list that names them."""
        names = [f"driver_1/{clip}.MP4/00000.jpg" for clip in ("a", "b")]
        for name in names:
            (root / name).parent.mkdir(parents=True)
            cv2.imwrite(str(root / name), np.zeros((*CULANE_SIZE[::-1], 3), np.uint8))
        (root / "list").mkdir()
        (root / "list/test.txt").write_text("".join(f"/{name}\n" for name in names))
        return [root / name for name in names]

    def test_the_projects_own_reader_reads_them_and_the_score_is_that_of_the_lanes(self, tmp_path: Path) -> None:
        images = self.tree(tmp_path / "culane")
        written = found(images[0], CULANE_SIZE, FEET)
        with CULaneSink(tmp_path / "predicted", images) as sink:
            sink.write(written)
            sink.write(found(images[1], CULANE_SIZE, ()))
        for clip in ("a", "b"):  # where the reader looks for them
            name = f"{clip}.MP4/00000.lines.txt"
            (tmp_path / "culane/driver_1" / name).write_bytes((tmp_path / "predicted" / name).read_bytes())
        first, second = list_frames(tmp_path / "culane")
        assert second.polylines() == []
        label = straight(CULANE_SIZE, LABEL)
        score = score_culane(first.polylines(), label)
        assert score == score_culane([lane.points for lane in written.lanes], label)
        assert 0 < score.tp < 4

    def test_frames_of_a_video_are_called_by_their_numbers(self, tmp_path: Path) -> None:
        Clip(frames=2, width=160, height=96).write(tmp_path / "drive.mp4")
        list(lanes.process(tmp_path / "drive.mp4", culane=tmp_path / "out"))
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000000.lines.txt", "000001.lines.txt"]

    def test_the_folder_of_the_images_is_refused_for_their_labels_lie_there(self, tmp_path: Path) -> None:
        images = self.tree(tmp_path)
        for overwrite in (False, True):
            with pytest.raises(InputError, match="folder of the input images"):
                CULaneSink(images[1].parent, images, overwrite)
