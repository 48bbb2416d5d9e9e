"""How examples are read: what a worker is given, what it keeps, and what validation sees."""

from __future__ import annotations

import pickle
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from torch.utils.data import DataLoader  # noqa: E402

from lanes.data.augment import Sample  # noqa: E402
from lanes.data.bands import labelled_band  # noqa: E402
from lanes.data.open import list_frames  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.loaders import LOOKS, RENDERINGS, Cache, SeenFrames, TrainingStream, read_sample, render_sample, shrunk  # noqa: E402
from lanes.train.loss import lane_loss  # noqa: E402
from lanes.train.task import Example, Task  # noqa: E402

TRANSFORM = FrameTransform(128, 64)


def test_a_worker_is_given_paths_and_no_pictures(rendered_sources: Path) -> None:
    """However full the cache of the process that starts it is: spawn and forkserver pickle what they give."""
    frames = {"north": list_frames(rendered_sources, "train", {"north"})}
    stream = TrainingStream(frames, {"north": 1.0}, TRANSFORM, (64, 64), (1,))
    rng = np.random.default_rng(1)
    for _ in range(4):
        stream.draw(rng)
    pickled = pickle.dumps(stream)
    assert len(pickled) < 20_000
    pickle.loads(pickled).draw(rng)


def test_a_rendered_road_is_drawn_several_times_and_keeps_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Sample] = []

    def road(rng: np.random.Generator) -> Sample:
        target = np.zeros((64, 128), np.uint8)
        target[30:, 60:66] = 255
        made.append(Sample(rng.integers(0, 256, (64, 128, 3)).astype(np.uint8), target, np.full_like(target, 255)))
        return made[-1]

    monkeypatch.setattr("lanes.train.loaders.render_sample", road)
    stream = TrainingStream({}, {"synthetic": 1.0}, TRANSFORM, (64, 64), (1,))
    rng = np.random.default_rng(1)
    stream.draw(rng)
    first = made[0].pixels.copy()
    examples = [stream.task.example(stream.draw(rng), stream, rng)[0] for _ in range(400)]
    assert 0.8 * len(examples) / LOOKS < len(made) < 1.2 * len(examples) / LOOKS
    assert len(stream.rendered) == RENDERINGS
    assert (made[0].pixels == first).all()
    assert len({example.numpy().tobytes() for example in examples}) == len(examples)
    assert len(pickle.dumps(stream)) < 20_000


@pytest.mark.parametrize(
    ("size", "kept"),
    [((640, 360), (640, 360)), ((2560, 1441), (1280, 720)), ((720, 2560), (360, 1280)), ((1, 5000), (1, 1280)), ((1, 1), (1, 1))],
)
def test_a_frame_is_kept_within_1280_pixels_and_never_as_nothing(size: tuple[int, int], kept: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    small = shrunk(pixels)
    assert small.shape == (kept[1], kept[0], 3)
    assert (small == 90).all()


def test_a_task_is_told_how_far_the_training_is(rendered_sources: Path) -> None:
    """Also where it goes on from a checkpoint, and by whichever number of workers its examples are made."""

    class Recorder(Task):
        def example(self, frame: Sample, stream: TrainingStream, rng: np.random.Generator) -> Example:  # noqa: ARG002
            return (torch.tensor(stream.progress),)

    frames = {"north": list_frames(rendered_sources, "train", {"north"})}
    stream = TrainingStream(frames, {"north": 1.0}, TRANSFORM, (64, 64), (1,), Recorder(lane_loss), done=8, examples=16)
    for workers in (0, 2):
        batches = islice(DataLoader(stream, batch_size=2, num_workers=workers), 4)
        told = torch.cat([progress for (progress,) in batches]).tolist()
        assert told[0] == 0.5
        assert told == pytest.approx(np.arange(8, 16) / 16, abs=0.13)


def test_what_finds_no_room_is_read_again() -> None:
    reads = []

    def read() -> Sample:
        reads.append(1)
        return Sample(*(np.zeros((8, 8), np.uint8) for _ in range(3)))

    cache = Cache(300)
    for key in "aabb":
        cache.get(key, read)
    assert len(reads) == 3


def test_validation_sees_a_frame_as_the_running_model_does(rendered_sources: Path) -> None:
    frame = list_frames(rendered_sources, "val")[0]
    transform = FrameTransform(64, 32)
    rgb, target, weight = SeenFrames([frame], transform, Cache(1 << 20))[0]
    pixels = cv2.imread(str(frame.image_path))
    expected = np.empty((32, 64, 3), np.uint8)
    band = labelled_band(read_sample(frame), transform)
    assert band is not None
    transform.fit(pixels.shape[1], pixels.shape[0], band).to_model(pixels, expected)
    assert np.array_equal(rgb.numpy().transpose(1, 2, 0)[..., ::-1], expected)
    assert target.shape == weight.shape == (1, 32, 64)


def test_a_rendered_road_teaches_that_crossings_and_arrows_are_no_lane_paint() -> None:
    rng = np.random.default_rng(4)
    for _ in range(8):
        sample = render_sample(rng)
        height, width = sample.target.shape
        assert 640 <= width <= 1024
        assert 0.45 * width < height <= 0.75 * width
        assert not sample.target[sample.weight == 0].any()


def test_what_lies_across_the_road_teaches_nothing(tmp_path: Path) -> None:
    mask = np.zeros((180, 320), np.uint8)
    mask[60:170, 40:44] = 255
    crossing = np.zeros_like(mask)
    for column in range(100, 180, 14):
        crossing[100:120, column : column + 8] = 255
    for folder, image in (("images", np.dstack([mask | crossing] * 3)), ("masks", mask | crossing)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a_1.png"), image)
    (tmp_path / "dataset.json").write_text('{"definition": "ALL_PAINT", "licence": "my own"}')
    sample = read_sample(list_frames(tmp_path)[0])
    assert not sample.weight[crossing > 0].any()
    assert sample.weight[mask > 0].all()
