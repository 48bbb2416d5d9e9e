"""How large the numbers inside a network get, and where to cut them so that 8 bits serve them best.

One pass over the frames collects a histogram of every tensor, and all three calibrators read those. ONNX Runtime's own hold every
activation of every frame in memory, and its entropy calibrator's default of 128 bins leaves it nothing to choose from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from calibration.int8.inference import STILL_FRAMES
from engines.tensors import GraphTensor

BINS = 2048
"""Of a histogram: as in TensorRT's calibrators."""

LEVELS = 128
"""Magnitudes that a signed byte tells apart, zero included."""

PERCENTILE = 99.99


class MagnitudeHistogram:
    """Magnitudes of all non-zero values of a tensor, in `BINS` equal bins from 0 to `limit`.

    Zeros, which ReLU makes by the million, are left out: every scale represents them exactly.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.limit = 0.0
        self.peak = 0.0

    def add(self, values: NDArray[np.float32]) -> None:
        """Counts an array of any shape; the range doubles as often as needed to hold it."""
        magnitudes = np.abs(values[values != 0])
        if not magnitudes.size:
            return
        peak = float(magnitudes.max())
        self.peak = max(self.peak, peak)
        if not self.limit:
            self.limit = peak
        while peak > self.limit:
            self.counts = np.append(self.counts.reshape(-1, 2).sum(axis=1), np.zeros(BINS // 2, np.int64))
            self.limit *= 2
        # Not by BINS / limit, which is infinite where the limit is subnormal.
        bins = (magnitudes / np.float32(self.limit) * np.float32(BINS)).astype(np.int32)
        self.counts += np.bincount(np.minimum(bins, BINS - 1), minlength=BINS)


def collect(
    model: onnx.ModelProto,
    tensors: Sequence[str],
    images: Iterable[NDArray[np.uint8]],
    batch: int | None,
    state: Mapping[str, str] | None = None,
) -> dict[str, MagnitudeHistogram]:
    """Runs an fp32 model on images, (H, W, 3) uint8 BGR each, and returns the histogram of each of the named tensors.

    Args:
        batch: images that the model is fixed to take at once, None for any number.
        state: of a model that remembers, see `ModelMetadata`. It sees each image as the `STILL_FRAMES` first frames of a video.
    """
    state = state or {}
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    ends = {value.name: value for value in (*model.graph.input, *model.graph.output)}
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in ends)
    options = onnxruntime.SessionOptions()
    # Waiting threads sleep: most of the time goes into the histograms, and spinning would take a core from them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    histograms = {name: MagnitudeHistogram() for name in tensors}
    (frames,) = (value.name for value in model.graph.input if value.name not in state)
    wanted = list(dict.fromkeys([*(name for name in tensors if name not in state), *state.values()]))
    zeros = {name: GraphTensor.read(ends[name]).at_batch(batch or 1).zeros() for name in state}
    for image in images:
        memory = zeros
        for _ in range(STILL_FRAMES if state else 1):
            given = memory | {frames: np.repeat(image[None], batch or 1, axis=0)}
            results = given | dict(zip(wanted, session.run(wanted, given), strict=True))
            for name in tensors:
                histograms[name].add(results[name][:1])
            memory = {name: results[after] for name, after in state.items()}
    return histograms


def minmax(histogram: MagnitudeHistogram) -> float:
    """The largest magnitude seen: nothing is cut."""
    return histogram.peak


def percentile(histogram: MagnitudeHistogram) -> float:
    """The magnitude that `PERCENTILE` percent of the values stay below."""
    share = np.cumsum(histogram.counts) / max(1, histogram.counts.sum())
    bins = int(np.searchsorted(share, PERCENTILE / 100)) + 1
    return min(histogram.peak, histogram.limit * bins / BINS)


def entropy(histogram: MagnitudeHistogram) -> float:
    """The cut after which the quantised distribution is least surprising, by Kullback-Leibler divergence.

    Method: Migacz, "8-bit inference with TensorRT", GTC 2017.
    """
    counts = histogram.counts.astype(np.float64)
    if not counts.any():
        return histogram.peak
    best, best_divergence = BINS, np.inf
    for bins in range(LEVELS, BINS + 1, 4):
        kept = counts[:bins]
        cut = kept.copy()
        cut[-1] += counts[bins:].sum()
        starts = np.arange(LEVELS) * bins // LEVELS
        filled = kept > 0
        # Each level's values are spread evenly over those of its bins that hold any.
        level_sum, level_filled = np.add.reduceat(kept, starts), np.add.reduceat(filled.astype(np.float64), starts)
        widths = np.diff(np.append(starts, bins))
        quantised = np.repeat(level_sum / np.maximum(level_filled, 1), widths) * filled
        divergence = _divergence(cut, quantised)
        if divergence < best_divergence:
            best, best_divergence = bins, divergence
    return min(histogram.peak, histogram.limit * best / BINS)


def _divergence(measured: NDArray[np.float64], model: NDArray[np.float64]) -> float:
    if not model.sum():
        return float("inf")
    measured, model = measured / measured.sum(), model / model.sum()
    present = measured > 0
    # What the model holds to be impossible is made very unlikely instead, so that candidates stay comparable.
    return float((measured[present] * np.log(measured[present] / np.maximum(model[present], 1e-9))).sum())


CALIBRATORS: dict[str, Callable[[MagnitudeHistogram], float]] = {"minmax": minmax, "entropy": entropy, "percentile": percentile}
"""What decides the magnitude that becomes 127."""
