"""Recordings that a camera cut into pieces, put together by their names and times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median_low

from lanes.dashcam.names import FRONT, RecordingName, parse_name

LONGEST_GAP_S = 60.0
"""Between the end of a piece and the beginning of the next one of the same drive: a halt for fuel makes two drives."""

LONGEST_OVERLAP_S = 5.0
"""Of a piece and the next one: some cameras begin the next file a second or two early. More is another camera, or a clock set back."""

WORTH_SAYING_S = 1.5
"""A gap shorter than this is none: names have whole seconds."""

LONGEST_PIECE_S = 30 * 60.0
"""Of a piece whose length is not known, as cameras cut them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a camera.

    Attributes:
        path: of the file, or its address, with `/`.
        seconds: how long it plays; None where nobody has looked.
        created: when it was made by what the container says; None where nobody has looked.
    """

    path: str
    seconds: float | None = None
    created: datetime | None = None

    @property
    def folder(self) -> str:
        """Where the file lies."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> RecordingName | None:
        """What the file's name says."""
        return parse_name(self.path.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Gap:
    """Something is missing between two pieces of a drive.

    Attributes:
        before: index of the piece that comes after the gap.
        seconds: how long it is; None where that is not known.
    """

    before: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Chain:
    """Pieces that follow one another, of one lens: a drive.

    Attributes:
        pieces: in order of time, one at least.
        lens: `front`, `rear` and so on.
        start: of the first one, by the camera's own clock; None where the names do not say.
    """

    pieces: tuple[Piece, ...]
    lens: str
    start: datetime | None


def find_chains(pieces: Iterable[Piece]) -> list[Chain]:
    """The drives that pieces make up: each piece is in one of them, whatever the order they are given in.

    Pieces join where maker, folder, lens and kind are the same, and each begins about where the one before ended. That needs its length:
    where nobody has looked, the camera's usual one is taken from the times between beginnings. A name that fits no pattern, and one
    without a time of which none is known either, stands alone. Small copies for a telephone stand alone as well.

    Returns:
        Chains in order of their first pieces' paths.
    """
    series: dict[tuple[str, ...], list[tuple[Piece, RecordingName]]] = defaultdict(list)
    chains: list[Chain] = []
    for piece in sorted(pieces, key=lambda each: each.path):
        name = piece.name
        if name is None or name.copy or (_start(piece, name) is None and not name.series):
            chains.append(Chain((piece,), FRONT if name is None else name.lens, None if name is None else name.start))
        else:
            series[piece.folder, name.maker, name.lens, name.kind, name.series].append((piece, name))
    for members in series.values():
        chains += _chapters(members) if members[0][1].series else _in_time(members)
    return sorted(chains, key=lambda chain: chain.pieces[0].path)


def find_gaps(pieces: Sequence[Piece]) -> tuple[Gap, ...]:
    """What is missing between the pieces of one drive, in order of time, by their names and their lengths.

    Of pieces without a time or a length, nothing is said but where a chapter is missing.
    """
    gaps = []
    for index, (one, other) in enumerate(pairwise(pieces), 1):
        before, after = one.name, other.name
        if before is None or after is None:
            continue
        if before.series:
            if (after.number or 0) > (before.number or 0) + 1:
                gaps.append(Gap(index, None))
        elif one.seconds is not None and (begun := _start(one, before)) and (begins := _start(other, after)):
            missing = (begins - begun).total_seconds() - one.seconds
            if missing > WORTH_SAYING_S:
                gaps.append(Gap(index, round(missing, 3)))
    return tuple(gaps)


def _start(piece: Piece, name: RecordingName) -> datetime | None:
    return name.start if name.start is not None or piece.created is None else piece.created.replace(tzinfo=None)


def _chapters(members: list[tuple[Piece, RecordingName]]) -> Iterator[Chain]:
    """Chapters of one recording, which follow without a gap but where one is missing."""
    members.sort(key=lambda member: (member[1].number or 0, member[0].path))
    pieces = tuple(piece for piece, _ in members)
    yield Chain(pieces, members[0][1].lens, pieces[0].created)


def _in_time(members: list[tuple[Piece, RecordingName]]) -> Iterator[Chain]:
    """Pieces of one series, cut where one does not follow the one before."""
    timed = sorted(((start, piece) for piece, name in members if (start := _start(piece, name))), key=lambda pair: (pair[0], pair[1].path))
    lens, usual = members[0][1].lens, _usual_seconds([start for start, _ in timed])
    chain: list[Piece] = []
    begin = timed[0][0]
    for index, (start, piece) in enumerate(timed):
        if chain:
            before, last = timed[index - 1]
            missing = (start - before).total_seconds() - (usual if last.seconds is None else last.seconds)
            # A piece whose length is only supposed may have ended early.
            overlap = usual if last.seconds is None else LONGEST_OVERLAP_S
            if start == before or not -overlap <= missing <= LONGEST_GAP_S:
                yield Chain(tuple(chain), lens, begin)
                chain, begin = [], start
        chain.append(piece)
    yield Chain(tuple(chain), lens, begin)


def _usual_seconds(starts: Sequence[datetime]) -> float:
    """How long the camera's pieces are, by the times between their beginnings; 0 where nothing can be said."""
    steps = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
    steps = [step for step in steps if 0 < step <= LONGEST_PIECE_S]
    return float(median_low(steps)) if steps else 0.0
