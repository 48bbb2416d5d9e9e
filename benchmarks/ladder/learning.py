"""Learning curves and seeds: what `python -m lanes.train.ladder` wrote, made small enough to be bundled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_training(paths: Sequence[Path]) -> dict[str, Any]:
    """The part `learning` of the result."""
    raise NotImplementedError
