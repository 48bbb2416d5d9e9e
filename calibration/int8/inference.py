"""Runs model files on fitted frames, in the engines that are here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calibration.int8.frame_sets import FittedFrame
from calibration.progress import show_progress
from engines.engine import Engine
from engines.model_file import ModelFile
from engines.registry import ENGINES, load_engine_class, open_engine
from lanes.arrays import BGRImage
from lanes.errors import InputError, ProcessingError

STILL_FRAMES = 4
"""Frames for which a model that remembers sees each image, as of a car that stands: the first with no memory, the last, which is scored,
with one of several steps. The frames of a set are chosen to be unlike each other and do not follow on one another; what is remembered of
a moving road are the same maps, a little displaced, so that their ranges are the same."""

LATENCY_RUNS = 40
WARM_UP_RUNS = 5

LIBRARIES = {"openvino": "openvino", "onnx": "onnxruntime"}
"""What must be installed for each engine that runs int8 files on a CPU."""

WITHOUT_BF16 = (ENGINES["openvino"][0], "OpenVinoWithoutBf16", ENGINES["openvino"][2])


def open_on_cpu(precision: str, file: ModelFile) -> Engine:
    """The engine to score with: TensorRT would spend minutes on building each of fifty candidates, to run a few frames.

    Layers that stay in fp32 run in fp32, so that the score is that of the file on every machine. In bf16, which the engine takes for them
    where it can, rounding alone costs as much agreement with fp32 as all of int8 may.
    """
    name = next((name for name, library in LIBRARIES.items() if find_spec(library)), "onnx")
    if name == "openvino" and precision == "int8":
        return load_engine_class(name, WITHOUT_BF16)(file, precision, file.batch or 1)
    return open_engine(name, precision, file.path, batch=file.batch or 1)


def run_engine(engine: Engine, frames: Sequence[FittedFrame], console: Console | None = None, what: str = "") -> NDArray[np.uint8]:
    """Probability for each frame, (N, H, W) uint8, the last of `STILL_FRAMES` of a model that remembers.

    A batch that the model is fixed to is filled with copies.
    """
    transform = engine.model.metadata.transform
    maps = np.empty((len(frames), transform.height, transform.width), np.uint8)
    batch = np.empty((engine.batch, transform.height, transform.width, 3), np.uint8)
    for index, frame in enumerate(show_progress(frames, what, console) if console else frames):
        batch[:] = frame.image
        engine.reset()
        for _ in range(STILL_FRAMES if engine.model.metadata.state else 1):
            maps[index] = engine.infer(batch)[0]
    return maps


def run_everywhere(path: Path, frames: Sequence[FittedFrame]) -> dict[str, NDArray[np.uint8]]:
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
                maps[f"{name} {engine.version}"] = run_engine(engine, frames)
        except InputError as error:
            raise ProcessingError(f"the quantised model does not run: {error}") from None
    return maps


def measure_latency(fp32: Path, int8: Path, image: BGRImage, batch: int) -> tuple[dict[str, float], str]:
    """Median milliseconds an image by precision (fp32, bf16 where there is one, int8) in the preferred engine here, and its name.

    The runs are interleaved, so that all see the machine equally busy.
    """
    images = np.repeat(image[None], batch, axis=0)
    with ExitStack() as stack:
        engines = {}
        for precision, path in (("fp32", fp32), ("bf16", fp32), ("int8", int8)):
            with suppress(InputError):  # no bf16 here
                engines[precision] = stack.enter_context(open_engine(precision=precision, model=path, batch=batch))
        times: dict[str, list[float]] = {precision: [] for precision in engines}
        for run in range(WARM_UP_RUNS + LATENCY_RUNS):
            for precision, engine in engines.items():
                start = perf_counter()
                engine.infer(images)
                if run >= WARM_UP_RUNS:
                    times[precision].append(1000 * (perf_counter() - start))
        name = f"{engines['int8'].name} {engines['int8'].version}"
    return {precision: float(np.median(taken)) / batch for precision, taken in times.items()}, name


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks, 1 where both are empty."""
    either = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / either if either else 1.0
