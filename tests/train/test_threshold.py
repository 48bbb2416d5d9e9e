"""The threshold is chosen on drives of its own, for the best relaxed F1 that is not bought with false paint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.data.frames import LabelledFrame  # noqa: E402
from lanes.data.labels import LabelDefinition  # noqa: E402
from lanes.data.lanedata import LanedataFrame  # noqa: E402
from lanes.data.statement import Statement  # noqa: E402
from lanes.evaluate.probability import LEVELS, count_levels  # noqa: E402
from lanes.train.threshold import DEFAULT_THRESHOLD, MOST_FALSE_AREA, choose_threshold, count_batch, hold_out  # noqa: E402

STATEMENT = Statement(LabelDefinition.ALL_PAINT, "my own")


def frames(source: str, drives: dict[str, int]) -> list[LabelledFrame]:
    return [LanedataFrame(Path(), source, "val", drive, f"{drive}{n}", STATEMENT) for drive, count in drives.items() for n in range(count)]


def scene(line: int, far: int = 0, road: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Probability and ground truth: a line of the level `line`, a patch far from it of the level `far`, and the rest."""
    ground_truth = np.zeros((180, 320), np.uint8)
    ground_truth[90:, 60:63] = 255
    probability = np.full_like(ground_truth, road)
    probability[ground_truth > 0] = line
    probability[100:130, 200:230] = far
    return probability, ground_truth


def test_the_threshold_lies_between_false_paint_and_paint() -> None:
    threshold = choose_threshold([count_levels(*scene(line=120, far=60))])
    assert 60 <= round(threshold * (LEVELS - 1)) < 120


def test_false_paint_beyond_the_limit_is_not_taken_for_a_better_f1() -> None:
    """Half the line is as faint as the patch: with the patch F1 is greater, and its area is 1.6 % of the frame."""
    probability, ground_truth = scene(line=200, far=90)
    probability[90:160, 60:63] = 90
    threshold = choose_threshold([count_levels(probability, ground_truth)])
    at = count_levels(probability, ground_truth).at(round(threshold * (LEVELS - 1)))
    assert at.false_area <= MOST_FALSE_AREA
    assert at.relaxed_f1 > 0


@pytest.mark.parametrize("sources", [[], [scene(line=0)]])
def test_where_nothing_can_be_chosen_it_is_one_half(sources: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> None:
    assert choose_threshold([count_levels(*each) for each in sources]) == DEFAULT_THRESHOLD


def test_paint_that_nobody_labelled_drives_the_threshold_to_neither_end() -> None:
    """The patch is as certain as most of the line, so only a threshold that loses the line leaves it out."""
    probability, ground_truth = scene(line=200, far=230)
    probability[160:, 60:63] = 254
    assert choose_threshold([count_levels(probability, ground_truth)]) == round(100 / (LEVELS - 1), 4)


def test_a_batch_counts_as_its_maps_do() -> None:
    probability, ground_truth = scene(line=200, far=90, road=3)
    unknown = np.zeros_like(ground_truth)
    unknown[:, 100:120] = 255
    logits = torch.logit(torch.tensor(probability / 255.0, dtype=torch.float64))[None, None].float()
    weight = torch.tensor(np.where(unknown > 0, 0.0, 0.3))[None, None].float()
    counts = count_batch(logits, torch.tensor(ground_truth / 255.0)[None, None], weight)
    assert counts.at(100) == count_levels(probability, ground_truth, unknown).at(100)


@given(st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("uvwxyz"), st.integers(1, 9), min_size=1), min_size=1))
def test_no_drive_chooses_the_threshold_and_validates(sources: dict[str, dict[str, int]]) -> None:
    by_source = {source: frames(source, drives) for source, drives in sources.items()}
    held, rest = hold_out(by_source)
    sides = [{(frame.source, frame.drive) for group in side.values() for frame in group} for side in (held, rest)]
    assert sides[0].isdisjoint(sides[1])
    assert sum(len(group) for side in (held, rest) for group in side.values()) == sum(map(len, by_source.values()))
    assert sides[1]
    assert bool(sides[0]) == (sum(map(len, sources.values())) > 1)
