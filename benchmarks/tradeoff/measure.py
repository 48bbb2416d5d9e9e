"""The measurement of `benchmarks.tradeoff`: cost and accuracy of every combination, and the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import cv2
import numpy as np
from rich.console import Console

from benchmarks.common.combinations import Combination, find_combinations
from benchmarks.common.interleave import interleaved
from benchmarks.common.isolated import run_in_process
from lanes import load_segmenter
from lanes.data.frames import LabelledFrame, read_image
from lanes.errors import InputError
from lanes.evaluate.run import evaluate
from lanes.evaluate.scores import as_table
from lanes.telemetry.percentiles import summarise

INTERVAL = "a frame's pixels in memory to lane probability at the frame's size in memory, one frame after the other"


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Indices of the points that no other is at least as good as in both and better than in one: the cheapest first.

    Args:
        costs: the less the better.
        values: the more the better.
    """
    front: list[int] = []
    for index in sorted(range(len(costs)), key=lambda index: (costs[index], -values[index])):
        if not front or values[index] > values[front[-1]] or (values[index], costs[index]) == (values[front[-1]], costs[front[-1]]):
            front.append(index)
    return front


def measure(
    models: Sequence[str], frames: Sequence[LabelledFrame], rounds: int, runs: int, log: Callable[[str], object], console: Console
) -> dict[str, Any]:
    """The result's own fields. `log` is called with what is done next. Raises InputError when nothing of it runs here."""
    possible: list[Combination] = []
    left_out: dict[str, str] = {}
    for model in models:
        log(f"{model}: what runs it here")
        found, impossible = find_combinations(model)
        possible += found
        left_out |= impossible
    if not possible:
        raise InputError("; ".join(dict.fromkeys(left_out.values())))
    timed: dict[Combination, list[dict[str, Any]]] = {combination: [] for combination in possible}
    image = frames[0].image_path
    height, width = read_image(image, cv2.IMREAD_COLOR).shape[:2]
    for combination in interleaved(possible, rounds, console):
        timed[combination].append(run_in_process(combination, image, runs))
    entries = []
    for combination in possible:
        log(f"{combination}: accuracy")
        with load_segmenter(combination.model, combination.engine, combination.precision) as segmenter:
            name = segmenter.engine.model.metadata.name
            scores = as_table(evaluate(segmenter, frames))
        entries.append({"model": name} | summarise_rounds(timed[combination]) | {"scores": scores})
    for index in pareto_front([entry["ms"]["p50"] for entry in entries], [entry["scores"]["mean"]["relaxed_f1"] for entry in entries]):
        entries[index]["front"] = True
    return {
        "interval": INTERVAL,
        "frame": {"width": width, "height": height},
        "rounds": rounds,
        "runs": runs,
        "data": {"split": frames[0].split, "frames": len(frames), "sources": sorted({frame.source for frame in frames})},
        "entries": sorted(entries, key=lambda entry: float(entry["ms"]["p50"])),
        "left_out": left_out,
    }


def summarise_rounds(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An entry of the result: the calls of all rounds pooled, the rounds' medians kept for their spread, the most memory of any round."""
    milliseconds = summarise(np.concatenate([found["ms"] for found in rounds]))
    memory = [found["peak_memory_mb"] for found in rounds if found["peak_memory_mb"] is not None]
    joules = [found["joules"] for found in rounds if found["joules"] is not None]
    return {
        **{key: rounds[0][key] for key in ("engine", "precision", "version", "device", "model_sha256", "width", "height")},
        "ms": milliseconds,
        "rounds_ms": [median(found["ms"]) for found in rounds],
        "fps": 1000 / float(milliseconds["p50"] or 0),
        "peak_memory_mb": max(memory, default=None),
        "joules": median(joules) if joules else None,
        "front": False,
    }
