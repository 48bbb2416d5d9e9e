"""How examples are read: what a worker is given, what it keeps, and what validation sees."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.data.augment import Sample  # noqa: E402
from lanes.data.open import list_frames  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.loaders import Cache, SeenFrames, TrainingStream  # noqa: E402

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
    transform.fit(pixels.shape[1], pixels.shape[0]).to_model(pixels, expected)
    assert np.array_equal(rgb.numpy().transpose(1, 2, 0)[..., ::-1], expected)
    assert target.shape == weight.shape == (1, 32, 64)
