"""What happens to files: bits flip, cards are pulled out, recordings are joined, programs write nonsense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[bytes, bytes, Random], bytes]
"""Makes another file of one, and perhaps of a second one, by chance."""


def flip(data: bytes, _: bytes, chance: Random) -> bytes:
    """One to 64 bits flipped, anywhere."""
    changed = bytearray(data)
    for _bit in range(2 ** chance.randint(0, 6)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def flip_head(data: bytes, _: bytes, chance: Random) -> bytes:
    """Some bits flipped in the first 512 bytes, where sizes, rates and lengths are."""
    changed = bytearray(data)
    for _bit in range(chance.randint(1, 8)):
        changed[chance.randrange(min(512, len(changed)))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(data: bytes, _: bytes, chance: Random) -> bytes:
    """Its first part alone."""
    return data[: chance.randrange(len(data))]


def cut_head(data: bytes, _: bytes, chance: Random) -> bytes:
    """Its last part alone."""
    return data[chance.randrange(1, len(data)) :]


def join(data: bytes, other: bytes, chance: Random) -> bytes:
    """Two files one after the other: the same kind twice, or two kinds."""
    return data + (data if chance.random() < 0.5 else other)


def wrong_head(data: bytes, other: bytes, chance: Random) -> bytes:
    """The beginning of a file of another kind before the rest of this one."""
    size = chance.choice([4, 12, 64, 512])
    return other[:size] + data[size:]


def noise(data: bytes, _: bytes, chance: Random) -> bytes:
    """A stretch of noise within it."""
    begin, size = _stretch(data, chance)
    return data[:begin] + chance.randbytes(size) + data[begin + size :]


def zeros(data: bytes, _: bytes, chance: Random) -> bytes:
    """A stretch that was never written: zeros."""
    begin, size = _stretch(data, chance)
    return data[:begin] + bytes(size) + data[begin + size :]


def lost(data: bytes, _: bytes, chance: Random) -> bytes:
    """A stretch is missing."""
    begin, size = _stretch(data, chance)
    return data[:begin] + data[begin + size :]


def swap(data: bytes, _: bytes, chance: Random) -> bytes:
    """Two stretches of the same size have changed places."""
    size = max(1, len(data) // chance.randint(4, 16))
    first = chance.randrange(max(1, len(data) - 2 * size))
    second = chance.randrange(first + size, max(first + size + 1, len(data) - size))
    return data[:first] + data[second : second + size] + data[first + size : second] + data[first : first + size] + data[second + size :]


MUTATIONS: Sequence[Mutation] = (flip, flip_head, cut, cut_head, join, wrong_head, noise, zeros, lost, swap)

WHOLE = (cut, join)
"""Those that leave each picture that is still there as it was."""


def _stretch(data: bytes, chance: Random) -> tuple[int, int]:
    size = max(1, len(data) // chance.randint(3, 50))
    return chance.randrange(max(1, len(data) - size)), size
