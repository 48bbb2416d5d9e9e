"""A new TensorRT engine is compared with ONNX Runtime on a drawn road before it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.model_file import ModelFile, bundled_models, find_model
from engines.tensorrt.check import FEWEST_PIXELS, disagreement, expected_map, looks, road_picture
from tests.engines.made_models import save_running_average


@pytest.mark.parametrize("model", ["unet", "unet-large"])
def test_the_files_of_a_model_agree_on_the_drawn_road(model: str) -> None:
    maps = []
    for precision in bundled_models()[model]:
        file = find_model(model, precision)
        maps.append(expected_map(file, road_picture(file.metadata.transform.width, file.metadata.transform.height)))
    assert all((each > 127).sum() > 10 * FEWEST_PIXELS for each in maps)
    assert [disagreement(one, other) for one in maps for other in maps if one is not other] == [None] * len(maps) * (len(maps) - 1)
    assert "IoU of 0.00" in (disagreement(np.zeros_like(maps[0]), maps[0]) or "")
    assert "IoU" in (disagreement(np.roll(maps[0], 20, axis=1), maps[0]) or "")


def test_a_model_that_remembers_is_compared_with_what_it_remembers(tmp_path: Path) -> None:
    """The mean of a picture's green and of what was before: three quarters of the green at the second look."""
    file = ModelFile.load(save_running_average(tmp_path / "average.onnx"))
    picture = road_picture(16, 8)
    assert looks(file) == 2
    np.testing.assert_array_equal(expected_map(file, picture), (0.75 * picture[..., 1]).astype(np.uint8))


def test_maps_without_paint_are_compared_by_value() -> None:
    empty = np.zeros((64, 128), np.uint8)
    faint = empty.copy()
    faint[30, 40] = 20
    assert disagreement(faint, empty) is None
    faint[30, 40] = 100
    assert disagreement(faint, empty) == "its probabilities are off by up to 100 of 255"
    assert disagreement(np.full_like(empty, 255), empty) == "its mask of a drawn road has an IoU of 0.00 with ONNX Runtime's"
