"""The three kinds of uint8 array that the code passes around, each with its shape."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

BGRImage: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8: an image, colours in the order blue, green, red, 0 to 255."""

Mask: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8: 255 where something is, 0 where it is not."""

ProbabilityMap: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8: the probability of lane paint, 0 to 255 for 0 to 1."""
