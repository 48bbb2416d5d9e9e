"""Near-duplicate images: found by a hash that scaling and compression leave as it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.data.frames import LabelledFrame

HASH_SIDE = 16
NEAR_DUPLICATE_BITS = 32
"""Bits, of HASH_SIDE squared, in which the hashes of near-duplicates differ at most. Over five sources of road frames, a
image and its copy of half the size at JPEG quality 50 differ in 3 (median) to 25, frames of different drives in 50 and more."""

BLOCK = 1024
"""Hashes that are compared with as many others at once: what bounds the memory."""


def difference_hash(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each of HASH_SIDE x HASH_SIDE cells of an image is darker than the one to the right of it: (HASH_SIDE squared) bool.

    Scaling, compression and changes of brightness leave most of it as it is (dHash, Krawetz 2013,
    https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html). The usual 8 x 8 cells take any two motorways
    for the same.

    Args:
        grey: (H, W) uint8.
    """
    # Two steps: the first takes the image to one size, from which equal cells follow whatever its own was.
    even = cv2.resize(grey, (4 * HASH_SIDE, 4 * HASH_SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(even, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits: NDArray[np.bool_] = (small[:, 1:] > small[:, :-1]).ravel()
    return bits


def near_duplicates(frames: Sequence[LabelledFrame], bits: NDArray[np.uint8], readable: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Frames that are near-duplicates of one of another split: (index, index of the most alike, bits that differ), most alike first.

    Of two splits, each frame of the smaller one is compared with all of the larger one, and named once.

    Args:
        frames: N frames.
        bits: (N, HASH_SIDE squared / 8) uint8, their packed hashes.
        readable: (N,) bool, which of them have a hash.
    """
    splits = np.array([frame.split for frame in frames])
    by_size = sorted((np.flatnonzero((splits == name) & readable) for name in dict.fromkeys(splits.tolist())), key=len)
    pairs = []
    for smaller, larger in combinations(by_size, 2):
        nearest, distance = _nearest(bits, smaller, larger)
        pairs += [(int(smaller[k]), int(nearest[k]), int(distance[k])) for k in np.flatnonzero(distance <= NEAR_DUPLICATE_BITS)]
    return sorted(pairs, key=lambda pair: pair[2])


def _nearest(bits: NDArray[np.uint8], held: NDArray[np.intp], others: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Of each of `held` the nearest of `others` (both indices into `bits`), and in how many bits they differ."""
    nearest = np.zeros(len(held), np.intp)
    distance = np.full(len(held), np.inf, np.float32)
    for start in range(0, len(others), BLOCK):
        part = others[start : start + BLOCK]
        signs = _signs(bits[part])
        for first in range(0, len(held), BLOCK):
            rows = slice(first, first + BLOCK)
            # Of two vectors of n signs, the product is n less twice the number that differ.
            differ = (HASH_SIDE**2 - _signs(bits[held[rows]]) @ signs.T) / 2
            best = differ.argmin(axis=1)
            least = differ[np.arange(len(differ)), best]
            closer = least < distance[rows]
            distance[rows][closer] = least[closer]
            nearest[rows][closer] = part[best[closer]]
    return nearest, distance


def _signs(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
