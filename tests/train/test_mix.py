"""In which proportions the sources of a training give its examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.data.frames import LabelledFrame
from lanes.data.labels import LabelDefinition
from lanes.data.lanedata import LanedataFrame
from lanes.data.statement import Statement
from lanes.errors import InputError
from lanes.train.mix import SYNTHETIC, SYNTHETIC_SHARE, mix_shares


def source(frames: int, share: float | None = None) -> list[LabelledFrame]:
    statement = Statement(LabelDefinition.ALL_PAINT, "my own", share)
    return [LanedataFrame(Path(), "source", "train", "drive", str(number), statement) for number in range(frames)]


def test_four_times_the_frames_give_twice_the_examples() -> None:
    shares = mix_shares({"small": source(25), "large": source(100)})
    assert shares["large"] == pytest.approx(2 * shares["small"])
    assert shares[SYNTHETIC] == SYNTHETIC_SHARE


def test_a_stated_share_is_of_the_examples_that_are_not_rendered() -> None:
    shares = mix_shares({"stated": source(900, 0.5), "small": source(25), "large": source(100)})
    assert shares["stated"] == pytest.approx(0.5 * (1 - SYNTHETIC_SHARE))
    assert shares["large"] == pytest.approx(2 * shares["small"])


@given(st.lists(st.tuples(st.integers(1, 50), st.none() | st.floats(0.01, 0.1)), min_size=1, max_size=9))
def test_shares_add_up_to_one(sources: list[tuple[int, float | None]]) -> None:
    shares = mix_shares({str(number): source(*each) for number, each in enumerate(sources)})
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0


@pytest.mark.parametrize("stated", [(0.6, 0.5), (1.0, None), (0.0, 0.0)])
def test_shares_that_leave_nothing_or_too_much_are_refused(stated: tuple[float | None, float | None]) -> None:
    with pytest.raises(InputError, match="add up to"):
        mix_shares({str(number): source(4, share) for number, share in enumerate(stated)})
