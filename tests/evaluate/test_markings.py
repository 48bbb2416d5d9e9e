"""Arrows, words and crossings that a model takes for lane paint are counted on rendered roads that are always the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lanes.evaluate import markings
from lanes.evaluate.markings import KINDS, main, measure, roads
from lanes.segment.segmenter import Segmenter


class Marks(Segmenter):
    """Marks each road in turn as it is told to."""

    threshold = 127

    def __init__(self, probabilities: list[NDArray[np.uint8]]) -> None:
        self.next = iter(probabilities)

    def __call__(self, _pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return next(self.next)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markings, "SIZE", (480, 272))


@pytest.mark.parametrize("kind", KINDS)
def test_roads_are_the_same_each_time_and_have_the_marking(kind: str) -> None:
    first, again = next(roads(kind, 1)), next(roads(kind, 1))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    _, paint, marking, unknown = first
    assert not (marking & (paint | unknown)).any()


def test_a_perfect_mask_takes_no_marking_and_a_full_one_takes_all() -> None:
    known = list(roads("zebra", 2))
    perfect = measure(Marks([paint for _, paint, _, _ in known]), "zebra", 2)
    assert perfect.marked > 0
    assert (perfect.taken, perfect.lane.relaxed_f1) == (0, 1.0)
    full = measure(Marks([np.full_like(paint, 255) for _, paint, _, _ in known]), "zebra", 2)
    assert full.share == 1.0


def test_the_program_prints_a_row_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--roads", "1"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()][1:] == list(KINDS)
