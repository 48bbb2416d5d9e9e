"""One segmenter that several threads call."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lanes import load_segmenter
from lanes.arrays import BGRImage


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_threads_that_share_a_segmenter_get_each_its_own_mask(engine: str) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    frames = [draw_line(rng, height, width) for height, width in ((180, 320), (240, 320), (180, 300))]
    wrong: list[int] = []
    with load_segmenter(engine=engine, precision="int8") as segmenter:
        expected = [segmenter(frame) for frame in frames]

        def work(index: int) -> None:
            for _ in range(6):
                if (segmenter(frames[index]) != expected[index]).any():
                    wrong.append(index)

        threads = [threading.Thread(target=work, args=(index,)) for index in range(len(frames))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def draw_line(rng: np.random.Generator, height: int, width: int) -> BGRImage:
    """A grey frame, (height, width, 3), with a bright line down its middle at a random slant."""
    frame = rng.integers(60, 90, (height, width, 3)).astype(np.uint8)
    rows = np.arange(height // 2, height)
    for offset in range(4):
        frame[rows, (width // 2 + offset + rng.uniform(-1, 1) * (rows - height // 2) / 3).astype(int)] = 230
    return frame
