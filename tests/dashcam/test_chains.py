"""Which recordings are one drive: laws over the names of several makers, and cases of known kinds."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanes.dashcam.chains import Chain, Gap, Piece, find_chains, find_gaps

NOON = datetime(2026, 3, 14, 23, 30, 0)

Maker = Callable[[datetime, int, str], str]
MAKERS: dict[str, Maker] = {
    "Viofo": lambda time, number, lens: f"{time:%Y_%m%d_%H%M%S}_{number:06}{lens}.MP4",
    "BlackVue": lambda time, _, lens: f"{time:%Y%m%d_%H%M%S}_N{lens}.mp4",
    "70mai": lambda time, number, lens: f"NO{time:%Y%m%d-%H%M%S}-{number:06}{'B' if lens == 'R' else lens}.MP4",
    "Nextbase": lambda time, number, lens: f"{time:%y%m%d_%H%M%S}_{number % 1000:03}_{lens}H.MP4",
    "Thinkware": lambda time, _, lens: f"REC_{time:%Y_%m_%d_%H_%M_%S}_{lens}.MP4",
    "Tesla": lambda time, _, lens: f"{time:%Y-%m-%d_%H-%M-%S}-{'front' if lens == 'F' else 'back'}.mp4",
}


def names(chains: Sequence[Chain]) -> list[list[str]]:
    return [[piece.path for piece in chain.pieces] for chain in chains]


@st.composite
def drives(draw: st.DrawFn) -> list[list[Piece]]:
    """Drives of one car, each lens's pieces apart, as a camera would have cut them; lengths known or not."""
    maker = MAKERS[draw(st.sampled_from(sorted(MAKERS)))]
    length, known = draw(st.sampled_from([60, 120, 180])), draw(st.booleans())
    lenses = draw(st.sampled_from(["F", "FR"]))
    time, number, found = NOON, 1, []
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(3, 6))
        pieces: dict[str, list[Piece]] = {lens: [] for lens in lenses}
        for index in range(count):
            seconds = length if index < count - 1 else draw(st.integers(5, length))
            for lens in lenses:
                pieces[lens].append(Piece(f"card/{maker(time, number, lens)}", seconds + 0.04 if known else None))
                number += 1
            time += timedelta(seconds=seconds + (draw(st.sampled_from([0, 1])) if index < count - 1 else 0))
        found += pieces.values()
        # Where nobody has looked how long the last piece is, it may have been a whole one.
        time += timedelta(seconds=draw(st.integers(90, 7200)) + (0 if known else length))
    return found


@given(drives(), st.randoms(use_true_random=False))
def test_drives_that_were_cut_into_pieces_are_found_again(found: list[list[Piece]], shuffler: random.Random) -> None:
    pieces = [piece for drive in found for piece in drive]
    shuffler.shuffle(pieces)
    chains = find_chains(pieces)
    assert sorted(names(chains)) == sorted([piece.path for piece in drive] for drive in found)
    assert not any(find_gaps(chain.pieces) for chain in chains)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30), st.sampled_from([f"{k}{n}" for n in range(3) for k in ("GX0100", "GOPR000", "GRMN000", "a/GX0200")])
        ),
        unique=True,
    )
)
def test_every_file_is_in_one_drive_whatever_it_is_called(paths: list[str]) -> None:
    chains = find_chains(map(Piece, paths))
    assert sorted(path for chain in names(chains) for path in chain) == sorted(paths)
    assert names(chains) == sorted(names(chains), key=lambda chain: chain[0])
    assert find_chains(map(Piece, reversed(paths))) == chains


def viofo(second: float, seconds: float | None = 60.0, lens: str = "F", folder: str = "card") -> Piece:
    return Piece(f"{folder}/{MAKERS['Viofo'](NOON + timedelta(seconds=second), 1, lens)}", seconds)


def test_a_gap_is_found_and_a_longer_one_is_another_drive() -> None:
    (chain,) = find_chains([viofo(0), viofo(60), viofo(150)])
    assert find_gaps(chain.pieces) == (Gap(2, 30.0),)
    assert find_gaps([viofo(0, None), viofo(90)]) == ()
    assert chain.start == NOON
    assert [len(chain.pieces) for chain in find_chains([viofo(0), viofo(60), viofo(181)])] == [2, 1]


def test_without_lengths_the_cameras_usual_one_is_supposed() -> None:
    pieces = [viofo(second, None) for second in (0, 60, 120, 200, 260, 400)]
    chains = find_chains(pieces)
    assert [len(chain.pieces) for chain in chains] == [5, 1]


def test_lenses_folders_kinds_and_cameras_are_kept_apart() -> None:
    pieces = [viofo(0), viofo(60), viofo(0, lens="R"), viofo(60, lens="R"), viofo(120, folder="other"), viofo(120, lens="PF")]
    assert sorted(len(chain.pieces) for chain in find_chains(pieces)) == [1, 1, 2, 2]
    assert {chain.lens for chain in find_chains(pieces)} == {"front", "rear"}


def test_recordings_of_two_cameras_in_one_folder_are_not_mixed_up() -> None:
    # Two cameras of one make, half a piece apart: each begins within the other's piece.
    pieces = [viofo(second) for second in (0, 30, 60, 90)]
    assert [len(chain.pieces) for chain in find_chains(pieces)] == [1, 1, 1, 1]


def test_two_copies_of_a_recording_do_not_follow_one_another() -> None:
    piece = viofo(0)
    assert len(find_chains([piece, Piece(piece.path.replace(".MP4", ".TS"), 60.0)])) == 2


def test_chapters_are_one_recording() -> None:
    chains = find_chains(
        map(Piece, ["d/GX020042.MP4", "d/GX010042.MP4", "d/GX040042.MP4", "d/GX010043.MP4", "e/GX010042.MP4", "d/GH010042.MP4"])
    )
    assert names(chains) == [
        ["d/GH010042.MP4"],
        ["d/GX010042.MP4", "d/GX020042.MP4", "d/GX040042.MP4"],
        ["d/GX010043.MP4"],
        ["e/GX010042.MP4"],
    ]
    assert find_gaps(chains[1].pieces) == (Gap(2, None),)
    assert names(find_chains(map(Piece, ["GP010042.MP4", "GOPR0042.MP4", "GP020042.MP4"]))) == [
        ["GOPR0042.MP4", "GP010042.MP4", "GP020042.MP4"]
    ]


def test_names_without_a_time_join_by_what_the_container_says() -> None:
    pieces = [Piece(f"GRMN000{index}.MP4", 60.0, NOON + timedelta(seconds=60 * index)) for index in range(3)]
    assert [len(chain.pieces) for chain in find_chains(pieces)] == [3]
    assert [len(chain.pieces) for chain in find_chains([Piece(piece.path) for piece in pieces])] == [1, 1, 1]


@pytest.mark.parametrize("seconds", [0.0, -5.0, 1e9])
def test_lengths_that_make_no_sense_break_nothing(seconds: float) -> None:
    assert sum(len(chain.pieces) for chain in find_chains([viofo(0, seconds), viofo(60, seconds)])) == 2
