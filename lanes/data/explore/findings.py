"""What a person should look at in a data set: suspect labels, images and drives in two splits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from lanes.data.explore.duplicates import HASH_SIDE, NEAR_DUPLICATE_BITS
from lanes.data.explore.survey import Survey, Values

MUCH_LANE = 0.2
"""Share of an image above which nobody's lane paint lies: a mask inverted, or another class taken for paint."""

MUCH_SKY = 0.1
"""Share of the lane pixels in the image's upper third, beyond what is usual in the drive, above which a mask marks the sky."""

USUAL = 5
"""Frames of a drive from which on there is a usual value: where the camera points down, the road reaches into the upper third."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Frames that a person should look at, worst first."""

    anchor: str
    title: str
    note: str
    frames: list[int]


def findings(survey: Survey) -> list[Finding]:
    """Labels that look wrong and frames that are in two splits, kind by kind; kinds of which there are none are left out."""
    share, sky = survey.share, survey.sky
    much = sorted(survey.where(share > MUCH_LANE), key=lambda index: -share[index])
    unusual = sky - _usual(survey, sky)
    high = sorted(survey.where((unusual > MUCH_SKY) & (share <= MUCH_LANE)), key=lambda index: -unusual[index])
    kinds = [
        Finding("much", f"More than {MUCH_LANE:.0%} of the image is lane", "An inverted mask, or another class taken for paint?", much),
        Finding(
            "sky",
            "Lane in the upper third",
            f"{MUCH_SKY:.0%} more of it than is usual in the drive. Sky, a tree, a roof taken for paint?",
            high,
        ),
        Finding("empty", "No lane at all", "Right where the road has none, wrong where a label is missing.", survey.where(share == 0)),
        Finding(
            "near-duplicates",
            "Near-duplicates in two splits",
            f"Hashes differ in {NEAR_DUPLICATE_BITS} of {HASH_SIDE**2} bits at most. A score on such frames shows what was memorised.",
            [held for held, _, _ in survey.pairs],
        ),
    ]
    return [kind for kind in kinds if kind.frames]


def _usual(survey: Survey, values: Values) -> Values:
    """For each frame the median over its drive, 0 where that is too short."""
    drives: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in survey.where(~np.isnan(values)):
        drives[survey.frames[index].source, survey.frames[index].drive].append(index)
    usual = np.zeros(len(values))
    for indices in drives.values():
        if len(indices) >= USUAL:
            usual[indices] = np.median(values[indices])
    return usual


def shared_drives(survey: Survey) -> list[str]:
    """Drives that are in more than one split, in words: neighbouring frames are then trained on and validated on."""
    sentences = []
    for name, source in survey.sources.items():
        splits: dict[str, list[str]] = defaultdict(list)
        for split, drive in source.frames:
            splits[drive].append(split)
        sentences += [f"{name}: drive {drive} is in {' and in '.join(names)}" for drive, names in splits.items() if len(names) > 1]
    return sentences
