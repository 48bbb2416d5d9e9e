"""What a frame costs: every rung in every engine and precision that runs it here, interleaved, each round in a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
from rich.console import Console

from benchmarks.common.combinations import Combination
from benchmarks.common.interleave import interleaved
from benchmarks.common.isolated import run_in_process
from benchmarks.ladder.candidates import Candidate
from benchmarks.tradeoff.measure import INTERVAL, summarise_rounds
from lanes.arrays import BGRImage

PROBE_RUNS = 2
"""Calls by which it is seen how long one takes."""

TAUGHT_ROUNDS = 3
"""How often patches as they were taught are timed: once takes seconds."""


def measure_cost(
    candidates: Sequence[Candidate],
    frame: BGRImage,
    rounds: int,
    runs: int,
    seconds: float,
    precisions: Sequence[str],
    stride: int,
    say: Callable[[str], object],
    console: Console,
) -> dict[str, Any]:
    """The part `cost` of the result.

    Args:
        candidates: what is measured.
        frame: (H, W, 3) uint8 BGR, what they are shown.
        rounds, runs: how often each comes, and calls in a round; a slow one is called less often in a round, so that
        seconds: is about what it takes, once at the least.
        precisions: those that are measured.
        stride: patches as they were taught are timed for every pixel, and for every `stride`-th.
        say, console: for progress.
    """
    of_rung = {combination: candidate for candidate in candidates for combination in candidate.combinations}
    chosen = [combination for combination in of_rung if combination.precision in precisions]
    timed: dict[Combination, list[dict[str, Any]]] = {combination: [] for combination in chosen}
    with TemporaryDirectory() as folder:
        image = Path(folder) / "frame.png"
        cv2.imwrite(str(image), frame)
        calls = {}
        for combination in chosen:
            say(f"{of_rung[combination].rung.name} {combination.engine} {combination.precision}: how long a frame takes")
            probe = run_in_process(combination, image, PROBE_RUNS)
            calls[combination] = max(1, min(runs, int(1000 * seconds / min(probe["ms"]))))
        for combination in interleaved(chosen, rounds, console):
            timed[combination].append(run_in_process(combination, image, calls[combination]))
    entries = [{"rung": of_rung[combination].rung.name, **summarise_rounds(timed[combination])} for combination in chosen]
    left_out = {
        f"{candidate.rung.name} {name.removeprefix(candidate.model).strip()}": reason
        for candidate in candidates
        for name, reason in candidate.left_out.items()
        if name.rpartition(" ")[2] in precisions
    }
    taught = None
    for candidate in candidates:
        if candidate.rung.name == "patch" and any(each.engine == "torch" for each in candidate.combinations):
            from benchmarks.ladder.taught import measure_taught  # of PyTorch, which not everyone has

            say("patch, as it was taught: a patch for every pixel")
            taught = measure_taught(candidate, frame, min(rounds, TAUGHT_ROUNDS), stride)
    height, width = frame.shape[:2]
    return {
        "interval": INTERVAL,
        "frame": {"width": width, "height": height},
        "rounds": rounds,
        "runs": runs,
        "entries": entries,
        "taught": taught,
        "left_out": left_out,
    }
