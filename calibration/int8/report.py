"""What a calibration found: for the terminal and for the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from calibration.int8.acceptance import Score
from calibration.int8.frame_sets import FrameSets
from calibration.int8.qdq import QuantisableLayer


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What it costs to quantise one layer and no other.

    Attributes:
        layer: which one.
        share: its part of the network's multiplications, 0 to 1.
        error: root mean square by which the probability changes, steps of 255.
        agreement: IoU of the masks with those of fp32.
        quantised: whether it is int8 in the result.
    """

    layer: QuantisableLayer
    share: float
    error: float
    agreement: float
    quantised: bool = True


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration that was accepted.

    Attributes:
        name: of the model.
        sets: the frames it was calibrated, selected and tested on.
        calibrators: score of fp32 and, all layers quantised, of each calibrator on the validation set.
        calibrator: the one that was selected.
        layers: in the order in which they run.
        reference, score: of fp32 and of the result, on the test set.
        verdict: the score against what is required, in words.
        fp32_maps, maps: probability that fp32 and the result gave on the test set, (N, H, W) uint8.
        threshold: 0 to 255, above which a pixel is lane.
        engines: IoU with the first engine's masks, of every engine in which the result was run.
        latency: median milliseconds by precision.
        engine: in which the latency was measured.
    """

    name: str
    sets: FrameSets
    calibrators: dict[str, Score]
    calibrator: str
    layers: list[LayerCost]
    reference: Score
    score: Score
    verdict: str
    fp32_maps: NDArray[np.uint8]
    maps: NDArray[np.uint8]
    threshold: int
    engines: dict[str, float]
    latency: dict[str, float]
    engine: str

    @property
    def left_out(self) -> list[str]:
        """Names of the layers that stay in fp32."""
        return [cost.layer.name for cost in self.layers if not cost.quantised]

    @property
    def summary(self) -> str:
        """The result in a sentence or two."""
        layers = f"{len(self.layers) - len(self.left_out)} of {len(self.layers)} layers in int8"
        if self.left_out:
            layers += f" (not {', '.join(self.left_out)})"
        speed = ", ".join(f"{self.latency[p] / self.latency['int8']:.2f} times as fast as {p}" for p in self.latency if p != "int8")
        return f"{self.verdict}. {layers}, calibrated by {self.calibrator}; {speed} ({self.engine})"

    def calibrator_table(self) -> Table:
        """One row a calibrator, and one for fp32: scores on the validation set."""
        sources = list(self.calibrators["fp32"].f1)
        table = Table("calibrator", *(["relaxed F1", *sources] if sources else []), "IoU with fp32", box=None)
        for name, score in self.calibrators.items():
            f1 = [f"{score.mean_f1:.4f}", *(f"{value:.4f}" for value in score.f1.values())] if sources else []
            table.add_row(name, *f1, f"{score.agreement:.4f}", style="bold" if name == self.calibrator else "")
        return table

    def layer_table(self) -> Table:
        """One row a layer, the costliest first."""
        table = Table("layer", "share of work", "error, of 255", "IoU with fp32", "runs in", box=None)
        for cost in sorted(self.layers, key=lambda cost: -cost.error):
            runs_in = "int8" if cost.quantised else "fp32"
            table.add_row(cost.layer.name, f"{cost.share:.1%}", f"{cost.error:.2f}", f"{cost.agreement:.4f}", runs_in)
        return table
