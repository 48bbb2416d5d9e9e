"""Which rows of a frame the model looks at, as a run asks for it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from lanes.results import Band


@dataclass(frozen=True, slots=True)
class BandChoice:
    """`auto`, `off` or two shares of the frame's height.

    Attributes:
        shares: where a fixed band begins and ends, shares of the frame's height; None where it is estimated or off.
        automatic: whether the band is estimated: on a video from the frames before, on a still from a first look.
    """

    shares: tuple[float, float] | None = None
    automatic: bool = False

    def fixed(self, height: int) -> Band | None:
        """The rows of a fixed band in a frame of this height; None where none is fixed."""
        if self.shares is None:
            return None
        top, bottom = (round(share * height) for share in self.shares)
        return min(top, height - 1), max(bottom, min(top, height - 1) + 1)

    def __str__(self) -> str:
        return "auto" if self.automatic else "off" if self.shares is None else "{:g}:{:g}".format(*self.shares)


AUTO, OFF = BandChoice(automatic=True), BandChoice()


def parse_band(text: str) -> BandChoice:
    """A choice from text: `auto`, `off`, or `0.45:0.9`. Raises argparse.ArgumentTypeError with a sentence."""
    if text in ("auto", "off"):
        return AUTO if text == "auto" else OFF
    try:
        top, bottom = map(float, text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither auto, off nor TOP:BOTTOM, shares of the frame's height as 0.45:0.9"
        ) from None
    if not 0 <= top < bottom <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: the band must begin above its end, both shares of the frame's height from 0 to 1")
    return BandChoice((top, bottom))
