"""Whether a quantised model still does its task: held against labels where there are any, else against the fp32 model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calibration.int8.frames import Sample
from calibration.int8.progress import follow
from engines.engine import Engine
from engines.model_file import ModelFile
from engines.registry import open_engine
from lanes.errors import InputError, ProcessingError
from lanes.evaluate.pixels import PixelCounts, count_pixels
from lanes.segment.transform import FrameTransform

Maps = NDArray[np.uint8]

LATENCY_RUNS = 40
WARM_UP_RUNS = 5

LIBRARIES = {"openvino": "openvino", "onnx": "onnxruntime"}
"""What must be installed for each engine that runs int8 files on a CPU."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a quantised model must reach on frames that it was not calibrated on.

    Attributes:
        f1_fall: where there are labels, by how much relaxed F1 against them, the mean over sources, may fall from fp32.
        agreement: the least IoU of its masks with those of fp32. A mean score may stay where it is while masks change.
    """

    f1_fall: float = 0.01
    agreement: float = 0.98


@dataclass(frozen=True, slots=True)
class Score:
    """How well a model did.

    Attributes:
        f1: relaxed F1 against the labels by source; empty where there are no labels.
        agreement: IoU of its masks with those of fp32, pooled over the frames.
    """

    f1: dict[str, float]
    agreement: float

    @property
    def mean_f1(self) -> float:
        """Over sources, so that none drowns another."""
        return float(np.mean(list(self.f1.values())))


class Judge:
    """Scores models against one fp32 model on frames that none was calibrated on.

    Args:
        model: the fp32 model.
        samples: what to judge on, all with labels or all without.
        gate: what is demanded.
        console: where progress goes.

    Raises:
        ProcessingError: fp32 itself sees no lane in the frames, so that nothing can be judged on them.

    Attributes:
        reference: the score of fp32.
        maps: probability that fp32 gave, (N, H, W) uint8.
        threshold: 0 to 255, above which a pixel is lane.
    """

    def __init__(self, model: ModelFile, samples: Sequence[Sample], gate: Gate, console: Console) -> None:
        self.samples = samples
        self.gate = gate
        self._console = console
        self.threshold = round(255 * model.metadata.threshold)
        self._transform = model.metadata.transform
        with open_on_cpu("fp32", model) as engine:
            self.maps = run_engine(engine, samples, console, "judging fp32")
        self.reference = self._score(self.maps)
        if not (self.maps > self.threshold).any():
            raise ProcessingError(
                "the fp32 model sees no lane in any of the held-out frames, so nothing can be judged on them: give frames with lanes"
            )

    def score(self, path: Path, what: str) -> tuple[Score, Maps]:
        """Runs an int8 model file; `what` it is called in progress. Returns its score, and its maps, (N, H, W) uint8."""
        with open_on_cpu("int8", ModelFile.load(path)) as engine:
            maps = run_engine(engine, self.samples, self._console, f"judging {what}")
        return self._score(maps), maps

    def passes(self, score: Score) -> bool:
        """Whether a model with this score may be written."""
        if score.f1 and self.reference.mean_f1 - score.mean_f1 > self.gate.f1_fall:
            return False
        return score.agreement >= self.gate.agreement

    def rank(self, score: Score) -> tuple[float, float]:
        """What to sort scores by, the best last."""
        return (score.mean_f1 if score.f1 else 0.0, score.agreement)

    def verdict(self, score: Score) -> str:
        """The score against what is demanded, in words."""
        agreement = f"IoU with fp32 {score.agreement:.4f}, at least {self.gate.agreement} demanded"
        if not score.f1:
            return agreement
        fall = self.reference.mean_f1 - score.mean_f1
        f1 = f"relaxed F1 {score.mean_f1:.4f} against {self.reference.mean_f1:.4f} in fp32"
        return f"{f1}: a fall of {fall:.4f}, at most {self.gate.f1_fall} allowed; {agreement}"

    def masks(self, maps: Maps) -> NDArray[np.bool_]:
        """Where a model sees lane, by its own threshold."""
        return maps > self.threshold

    def _score(self, maps: Maps) -> Score:
        counts: dict[str, PixelCounts] = defaultdict(PixelCounts)
        for sample, probability in zip(self.samples, maps, strict=True):
            if sample.label is not None:
                counts[sample.source] += _compare(self._transform, sample, probability, self.threshold)
        return Score({source: count.relaxed_f1 for source, count in counts.items()}, iou(self.masks(maps), self.masks(self.maps)))


def _compare(transform: FrameTransform, sample: Sample, probability: Maps, threshold: int) -> PixelCounts:
    assert sample.label is not None
    at_frame_size = transform.fit(*sample.size).to_frame(probability)
    return count_pixels((at_frame_size > threshold).astype(np.uint8), *sample.label)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks, 1 where both are empty."""
    either = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / either if either else 1.0


def open_on_cpu(precision: str, file: ModelFile) -> Engine:
    """The engine to judge with: TensorRT would spend minutes on building each of fifty candidates, to run a few frames."""
    name = next((name for name, library in LIBRARIES.items() if find_spec(library)), "onnx")
    return open_engine(name, precision, file.path, batch=file.batch or 1)


def run_engine(engine: Engine, samples: Sequence[Sample], console: Console | None = None, what: str = "") -> Maps:
    """Probability for each sample, (N, H, W) uint8. A batch that the model is fixed to is filled with copies."""
    transform = engine.model.metadata.transform
    maps = np.empty((len(samples), transform.height, transform.width), np.uint8)
    batch = np.empty((engine.batch, transform.height, transform.width, 3), np.uint8)
    for index, sample in enumerate(follow(samples, what, console) if console else samples):
        batch[:] = sample.picture
        maps[index] = engine.infer(batch)[0]
    return maps


def run_everywhere(path: Path, samples: Sequence[Sample]) -> dict[str, Maps]:
    """The maps of an int8 file from each engine that runs such files and is installed, by the engine's name and version.

    Raises:
        ProcessingError: an engine refuses the file.
    """
    file = ModelFile.load(path)
    maps = {}
    for name, library in LIBRARIES.items():
        if find_spec(library) is None:
            continue
        try:
            with open_engine(name, "int8", path, batch=file.batch or 1) as engine:
                maps[f"{name} {engine.version}"] = run_engine(engine, samples)
        except InputError as error:
            raise ProcessingError(f"the quantised model does not run: {error}") from None
    return maps


def measure_latency(fp32: Path, int8: Path, picture: NDArray[np.uint8], batch: int) -> tuple[dict[str, float], str]:
    """Median milliseconds a picture by precision (fp32, bf16 where there is one, int8) in the fastest engine here, and its name.

    The runs take turns, so that all see the machine equally busy.
    """
    pictures = np.repeat(picture[None], batch, axis=0)
    with ExitStack() as stack:
        engines = {}
        for precision, path in (("fp32", fp32), ("bf16", fp32), ("int8", int8)):
            with suppress(InputError):  # no bf16 here
                engines[precision] = stack.enter_context(open_engine(precision=precision, model=path, batch=batch))
        times: dict[str, list[float]] = {precision: [] for precision in engines}
        for run in range(WARM_UP_RUNS + LATENCY_RUNS):
            for precision, engine in engines.items():
                start = perf_counter()
                engine.infer(pictures)
                if run >= WARM_UP_RUNS:
                    times[precision].append(1000 * (perf_counter() - start))
        name = f"{engines['int8'].name} {engines['int8'].version}"
    return {precision: float(np.median(taken)) / batch for precision, taken in times.items()}, name
