"""--band: what it says, and what it means for a frame."""

from __future__ import annotations

import argparse

import pytest

from lanes.segment.band_choice import AUTO, OFF, parse_band


@pytest.mark.parametrize("text", ["auto", "off", "0.45:0.9", "0:1"])
def test_a_choice_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_band(text)) == text


def test_shares_are_rows_of_the_frame() -> None:
    choice = parse_band("0.25:0.75")
    assert choice.fixed(720) == (180, 540)
    assert choice.fixed(1) == (0, 1)
    assert AUTO.fixed(720) is None
    assert OFF.fixed(720) is None


@pytest.mark.parametrize("text", ["", "on", "0.5", "0.9:0.4", "0.5:0.5", "-0.1:0.5", "0.5:1.1", "nan:1", "1:2:3"])
def test_what_is_no_band_is_refused_in_words(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"TOP:BOTTOM|must begin above"):
        parse_band(text)
