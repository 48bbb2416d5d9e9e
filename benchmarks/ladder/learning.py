"""Learning curves and seeds: what `python -m lanes.train.ladder` wrote, made small enough to be bundled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lanes.data.frames import read_json
from lanes.errors import InputError

SHOWN = ("relaxed_f1", "iou")
"""Scores that are kept."""


def read_training(paths: Sequence[Path]) -> dict[str, Any]:
    """The part `learning` of the result: of files ladder.json, a later one in place of an earlier one for the rungs that it has.

    Returns:
        `rungs`: name -> `seeds`, `steps`, `used_s`, and `scores`, source -> score -> `mean` and `std` over the seeds.
        `curves`: name -> a list by rising number of frames, each with `frames`, and `mean` and `std` of relaxed F1, mean over sources.
        `settings`: of the training.

    Raises InputError where a file cannot be read or is of another program.
    """
    rungs: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for path in paths:
        found = read_json(path)
        try:
            rungs |= {name: _rung(rung) for name, rung in found["rungs"].items()}
            curves |= {name: [_point(point) for point in points] for name, points in found["curves"].items()}
            settings |= found["settings"]
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no ladder.json of python -m lanes.train.ladder ({type(error).__name__}: {error})") from None
    return {"rungs": rungs, "curves": curves, "settings": settings}


def _rung(rung: dict[str, Any]) -> dict[str, Any]:
    scores = {source: {score: row[score] for score in SHOWN} for source, row in rung["scores"].items()}
    return {"seeds": rung["seeds"], "steps": rung["steps"]["mean"], "used_s": rung["used_s"]["mean"], "scores": scores}


def _point(point: dict[str, Any]) -> dict[str, Any]:
    return {"frames": point["frames"], "seeds": point["seeds"], **point["scores"]["mean"]["relaxed_f1"]}
