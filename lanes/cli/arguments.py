"""Numbers on a command line: what argparse takes as `type`, so that nonsense is told in one line before anything starts."""

from __future__ import annotations

import argparse
from math import isfinite


def count(text: str) -> int:
    """A whole number from 1 up."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return value


def natural(text: str) -> int:
    """A whole number from 0 to 2^32 - 1."""
    value = int(text)
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {(1 << 32) - 1}")
    return value


def positive(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not (isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def probability(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a probability: give a number from 0 to 1")
    return value
