"""Whether a quantised model still does its task: compared with ground truth where there is any, else with the fp32 model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calibration.int8.frame_sets import FittedFrame
from calibration.int8.inference import iou, open_on_cpu, run_engine
from engines.model_file import ModelFile
from lanes.arrays import ProbabilityMap
from lanes.errors import ProcessingError
from lanes.evaluate.pixels import PixelCounts, count_pixels
from lanes.segment.transform import FrameTransform

RESERVE = 0.1
"""Part of what int8 may cost that the selection of layers leaves unused."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a quantised model must reach on frames that it was not calibrated on.

    Attributes:
        f1_drop: where there is ground truth, by how much relaxed F1, the mean over sources, may drop from that of fp32.
        agreement: the least IoU of its masks with those of fp32. A mean score may stay where it is while masks change.
    """

    f1_drop: float = 0.01
    agreement: float = 0.98

    @property
    def for_selection(self) -> Acceptance:
        """What is required on the frames that layers are selected on: a selection that has just passed there may just fail on others."""
        return Acceptance(self.f1_drop * (1 - RESERVE), self.agreement + RESERVE * (1 - self.agreement))


@dataclass(frozen=True, slots=True)
class Score:
    """How well a model did.

    Attributes:
        f1: relaxed F1 against the ground truth by source; empty where there is none.
        agreement: IoU of its masks with those of fp32, pooled over the frames.
    """

    f1: dict[str, float]
    agreement: float

    @property
    def mean_f1(self) -> float:
        """Over sources, so that none drowns another."""
        return float(np.mean(list(self.f1.values())))

    @property
    def rank(self) -> tuple[float, float]:
        """What to sort scores by, the best last."""
        return (self.mean_f1 if self.f1 else 0.0, self.agreement)


class Scorer:
    """Scores models, on one set of frames, against an fp32 model.

    Args:
        model: the fp32 model.
        frames: the set, all with ground truth or all without.
        name: of the set, in progress.
        acceptance: what is required.
        console: where progress goes.

    Raises:
        ProcessingError: fp32 itself detects no lane in the frames, so that nothing can be scored on them.

    Attributes:
        reference: the score of fp32.
        maps: probability that fp32 gave, (N, H, W) uint8.
        threshold: 0 to 255, above which a pixel is lane.
    """

    def __init__(self, model: ModelFile, frames: Sequence[FittedFrame], name: str, acceptance: Acceptance, console: Console) -> None:
        self._frames = frames
        self._name = name
        self._acceptance = acceptance
        self._console = console
        self.threshold = round(255 * model.metadata.threshold)
        self._transform = model.metadata.transform
        with open_on_cpu("fp32", model) as engine:
            self.maps = run_engine(engine, frames, console, f"{name}: fp32")
        self.reference = self._score(self.maps)
        if not (self.maps > self.threshold).any():
            raise ProcessingError(f"the fp32 model detects no lane in any frame of the {name}: give frames with lanes")

    def score(self, path: Path, what: str) -> tuple[Score, NDArray[np.uint8]]:
        """Runs an int8 model file; `what` it is called in progress. Returns its score, and its maps, (N, H, W) uint8."""
        with open_on_cpu("int8", ModelFile.load(path)) as engine:
            maps = run_engine(engine, self._frames, self._console, f"{self._name}: {what}")
        return self._score(maps), maps

    def accepts(self, score: Score) -> bool:
        """Whether a model with this score may be written."""
        if score.f1 and self.reference.mean_f1 - score.mean_f1 > self._acceptance.f1_drop:
            return False
        return score.agreement >= self._acceptance.agreement

    def verdict(self, score: Score) -> str:
        """The score against what is required, in words."""
        agreement = f"IoU with fp32 {score.agreement:.4f} on the {self._name}, at least {self._acceptance.agreement} required"
        if not score.f1:
            return agreement
        drop = self.reference.mean_f1 - score.mean_f1
        f1 = f"relaxed F1 {score.mean_f1:.4f} against {self.reference.mean_f1:.4f} in fp32"
        return f"{f1}: a drop of {drop:.4f}, at most {self._acceptance.f1_drop:.4f} allowed; {agreement}"

    def _score(self, maps: NDArray[np.uint8]) -> Score:
        counts: dict[str, PixelCounts] = defaultdict(PixelCounts)
        for frame, probability in zip(self._frames, maps, strict=True):
            if frame.ground_truth is not None:
                counts[frame.source] += _compare(self._transform, frame, probability, self.threshold)
        f1 = {source: count.relaxed_f1 for source, count in counts.items()}
        return Score(f1, iou(maps > self.threshold, self.maps > self.threshold))


def _compare(transform: FrameTransform, frame: FittedFrame, probability: ProbabilityMap, threshold: int) -> PixelCounts:
    assert frame.ground_truth is not None
    at_frame_size = transform.fit(*frame.size, frame.band).to_frame(probability)
    return count_pixels((at_frame_size > threshold).astype(np.uint8), *frame.ground_truth)
