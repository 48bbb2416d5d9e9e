"""Above which probability a pixel is lane: chosen on drives that were neither trained on nor are validated on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lanes.data.frames import LabelledFrame, sample_drives
from lanes.evaluate.probability import LEVELS, LevelCounts, count_levels
from lanes.models.base import LaneNetwork

DEFAULT_THRESHOLD = 0.5
"""What is taken where no drive can be held out to choose it on."""

MOST_FALSE_AREA = 0.0015
"""Greatest share of the frame that may be paint seen where there is none: a threshold that gives more is not chosen."""

HIGHEST = 0.8
"""Greatest threshold that is chosen. Where only a higher one keeps to `MOST_FALSE_AREA`, the drives hold paint that nobody labelled, and
the limit says nothing of the network: a run once chose 0.996 so, and lost a third of the paint."""

SHARE = 1 / 3
"""Part of the validation frames that the threshold is chosen on, as nearly as whole drives allow."""

BySource = Mapping[str, Sequence[LabelledFrame]]


def hold_out(validation: BySource) -> tuple[dict[str, list[LabelledFrame]], dict[str, list[LabelledFrame]]]:
    """Divides validation frames into those to choose the threshold on and those to validate on, whole drives each.

    Of each source with two drives or more some are held out; where no source has two, some of all drives; a single drive is validated on.

    Returns:
        The frames to choose on, and the others, by source.
    """
    by_source: dict[str, list[LabelledFrame]] = {source: list(frames) for source, frames in validation.items()}
    chosen = {source: sample_drives(frames, SHARE) for source, frames in by_source.items()}
    if not any(chosen.values()):  # each source is one drive
        drawn = sample_drives([replace(frame, drive=frame.source) for frames in by_source.values() for frame in frames], SHARE)
        chosen = {source: {frame.drive for frame in frames} if source in drawn else set() for source, frames in by_source.items()}
    held: dict[str, list[LabelledFrame]] = defaultdict(list)
    rest: dict[str, list[LabelledFrame]] = defaultdict(list)
    for source, frames in by_source.items():
        for frame in frames:
            (held if frame.drive in chosen[source] else rest)[source].append(frame)
    return dict(held), dict(rest)


def choose_threshold(sources: Sequence[LevelCounts]) -> float:
    """The threshold of the greatest relaxed F1 with a false area of `MOST_FALSE_AREA` or less, both means over the sources.

    Up to `HIGHEST`; where none of these keeps to the false area, that of the greatest relaxed F1.

    Args:
        sources: what was counted of each source.

    Returns:
        A probability; `DEFAULT_THRESHOLD` where nothing was counted, or nothing is found.
    """
    if not sources:
        return DEFAULT_THRESHOLD
    sweeps = [counts.sweep()[: round(HIGHEST * (LEVELS - 1)) + 1] for counts in sources]
    f1 = np.mean([[at.relaxed_f1 for at in sweep] for sweep in sweeps], axis=0)
    false_area = np.mean([[at.false_area for at in sweep] for sweep in sweeps], axis=0)
    allowed = np.where(false_area <= MOST_FALSE_AREA, f1, 0.0)
    if not allowed.any():
        allowed = f1
    best = np.flatnonzero(allowed == allowed.max())
    # Of equals the one in the middle: it is the furthest from where the score falls.
    return round(float(best[len(best) // 2]) / (LEVELS - 1), 4) if allowed.max() > 0 else DEFAULT_THRESHOLD


def count_batch(logits: Tensor, target: Tensor, weight: Tensor) -> LevelCounts:
    """What a batch, (N, 1, H, W) float each, gives at every threshold, at the model's size."""
    probability = torch.sigmoid(logits.float()).mul(LEVELS - 1).round()[:, 0].to(torch.uint8).cpu().numpy()
    ground_truth, unknown = ((values[:, 0]).to(torch.uint8).cpu().numpy() for values in (target > 0.5, weight == 0))
    return sum((count_levels(*each) for each in zip(probability, ground_truth, unknown, strict=True)), LevelCounts())


@torch.no_grad()
def count_frames(network: LaneNetwork, batches: Iterable[tuple[Tensor, Tensor, Tensor]]) -> LevelCounts:
    """The same of all `batches`, normalised, on the network's device; the network is left in evaluation mode."""
    network.eval()
    return sum((count_batch(network(pixels), target, weight) for pixels, target, weight in batches), LevelCounts())
