"""ONNX Runtime on a CPU: runs wherever Python does, https://onnxruntime.ai."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from engines.backends.denormals import denormals_as_zero
from engines.cores import physical_cores
from engines.engine import Arrays, Engine, UnavailableError
from engines.processor import int8_saturates

PROVIDERS = ["CPUExecutionProvider"]
WARM_UP_RUNS = 5


class OnnxEngine(Engine):
    """Runs fp32 files in fp32, and files quantised to int8."""

    name = "onnx"
    version = onnxruntime.__version__

    def _start(self, threads: int | None) -> None:
        options = onnxruntime.SessionOptions()
        # Without a number, ONNX Runtime ties each thread to a core, in the way of decoding and drawing.
        options.intra_op_num_threads = threads or physical_cores()
        # Waiting threads sleep: spinning gains nothing between frames and takes the cores from the other stages.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # For the session's own threads; `denormals_as_zero` does the same for the calling one.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        if int8_saturates():
            # Calculates with the quantised values in fp32, in 0.7 of the time that its saturating int8 takes.
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        try:
            # The first session of a process leaves its calling thread with denormals off: here the block puts that right.
            with denormals_as_zero():
                self._session = onnxruntime.InferenceSession(self.model.read(), options, providers=PROVIDERS)
        except Exception as error:  # its exceptions have no common base but this
            raise UnavailableError(f"onnx cannot run {self.model.path} ({first_line(error)})") from None
        self._bound: dict[str, NDArray[Any]] = {}
        self._results = {tensor.name: self._tensors[tensor.name].zeros() for tensor in self.model.outputs}
        self._binding = self._session.io_binding()
        for name, array in self._results.items():
            self._binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        # fp32 first: with the symmetric signed int8 that every engine takes, ONNX Runtime gains little.
        return ("fp32", "int8")

    def _run(self, inputs: Arrays) -> Arrays:
        for name, array in inputs.items():
            if array is not self._bound.get(name):
                self._binding.bind_cpu_input(name, array)
                self._bound[name] = array
        with denormals_as_zero():
            self._session.run_with_iobinding(self._binding)
        return {name: array.copy() for name, array in self._results.items()}

    def profile(self, batch: NDArray[np.uint8], runs: int) -> dict[str, float]:
        """The same session once more, with its profiler."""
        options = self._session.get_session_options()
        times: dict[str, list[float]] = {}
        with TemporaryDirectory() as folder:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")
            try:
                with denormals_as_zero():
                    session = onnxruntime.InferenceSession(self.model.read(), options, providers=PROVIDERS)
                    for _ in range(WARM_UP_RUNS + runs):
                        session.run(None, {self._images: batch, **self._state})
                events = json.loads(Path(session.end_profiling()).read_text())
            finally:
                options.enable_profiling = False
        for event in events:
            if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
                times.setdefault(event["name"], []).append(event["dur"] / 1000)
        return {name: median(values[WARM_UP_RUNS:]) for name, values in times.items()}

    def _release(self) -> None:
        del self._binding, self._session, self._bound, self._results


def first_line(error: Exception) -> str:
    """What an exception of ONNX Runtime says, without its code and the place in its source that its messages begin with."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return re.sub(r"^\S+\.(?:cc|h):\d+ .*?\) (?=[A-Z])", "", line.split(" : ", 3)[-1])
