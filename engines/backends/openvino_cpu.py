"""OpenVINO on a CPU: the preferred engine on x86-64, https://docs.openvino.ai."""

from __future__ import annotations

from functools import lru_cache
from statistics import median
from time import thread_time
from typing import Any, ClassVar

import numpy as np
import openvino
from numpy.typing import NDArray

from engines.cores import cpu_quota, physical_cores
from engines.engine import Arrays, Engine, UnavailableError
from engines.processor import int8_saturates

WARM_UP_RUNS = 5

BRIEF_MS = 20.0
"""Processor time of a run, milliseconds, up to which half of the cores are enough: half a frame's time at 25 frames a second."""


@lru_cache(maxsize=1)
def _core() -> Any:
    return openvino.Core()


def _threads(count: int) -> dict[str, Any]:
    """Options for so many threads, on whichever cores are free: pinned, as they would be, those of each process go to the first cores."""
    return {"INFERENCE_NUM_THREADS": count, "ENABLE_CPU_PINNING": False}


class OpenVinoEngine(Engine):
    """Runs fp32 files in fp32 or bf16, and files quantised to int8.

    `auto` takes bf16 where the processor multiplies it (AMX, AVX-512 BF16), which is several times as fast as fp32 there. Where int8
    would saturate, `auto` takes fp32 before int8, and int8 files are calculated in fp32. The
    compiled network is not cached on disk: compiling takes half a second at most.
    """

    name = "openvino"
    version = openvino.__version__.partition("-")[0]  # without the build's number and branch
    layers_in_fp32: ClassVar[bool] = False
    """Whether what is not quantised in an int8 file runs in fp32, rather than in whatever is fastest."""

    def _start(self, threads: int | None) -> None:
        self._options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self.precision != "int8" or self.layers_in_fp32:
            self._options["INFERENCE_PRECISION_HINT"] = "bf16" if self.precision == "bf16" else "f32"
        if self.precision == "int8" and int8_saturates():
            self._options["LP_TRANSFORMS_MODE"] = False  # calculates with the quantised values in fp32, which takes as long there
        # It counts physical cores itself, but not the quota of a container.
        if threads is not None or cpu_quota() is not None:
            self._options |= _threads(threads or physical_cores())
        try:
            self._request = self._compile(self._options)
        except RuntimeError as error:
            raise UnavailableError(f"openvino cannot run {self.model.path} ({str(error).strip().splitlines()[-1]})") from None
        self._bound: dict[str, NDArray[Any] | None] = {}

    def _compile(self, options: dict[str, Any]) -> Any:
        network = _core().read_model(self.model.read())
        network.reshape({tensor.name: list(self._tensors[tensor.name].shape) for tensor in self.model.inputs})
        return _core().compile_model(network, "CPU", options).create_infer_request()

    def share_cores(self) -> None:
        """Makes do with half of the cores where a run is brief on them.

        TBB's waiting threads do not sleep: while one thread works alone, and for a millisecond after each run, the others call
        `sched_yield` over and over. With a network of ten milliseconds that costs a second thread as much as its share of the work.
        """
        if physical_cores() < 2:
            return
        options = self._options | _threads(physical_cores() // 2)
        with self._lock:
            # What is compiled already is taken over, which takes a quarter of the time of compiling it anew.
            compiled = self._request.get_compiled_model().export_model()
            request = _core().import_model(compiled, "CPU", options).create_infer_request()
            times = []
            for _ in range(WARM_UP_RUNS):
                begun = thread_time()  # not the clock's: others may be busy now
                request.infer()
                times.append(1000 * (thread_time() - begun))
            if min(times) <= BRIEF_MS:
                self._options, self._request, self._bound = options, request, {}

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        capabilities = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if int8_saturates():
            # int8 takes as long as fp32 there, 1.02 times its time on an EPYC, and rounds more.
            return ("fp32", "int8")
        return ("int8", "bf16", "fp32") if "BF16" in capabilities else ("int8", "fp32")

    @classmethod
    def settle_precision(cls, wanted: str, of_file: str) -> str:
        if wanted == "bf16" and "bf16" not in cls.precisions():
            raise UnavailableError("openvino runs bf16 only on processors that multiply it (AMX or AVX-512 BF16), which this one does not")
        return super().settle_precision(wanted, of_file)

    def _run(self, inputs: Arrays) -> Arrays:
        for name, array in inputs.items():
            if array is not self._bound.get(name):
                # OpenVINO shares only arrays that may be written to, and copies the others once a call.
                shared = array.flags.writeable
                self._request.set_tensor(name, openvino.Tensor(array, shared_memory=shared))
                self._bound[name] = array if shared else None
        self._request.infer()
        return {tensor.name: self._request.get_tensor(tensor.name).data.copy() for tensor in self.model.outputs}

    def profile(self, batch: NDArray[np.uint8], runs: int) -> dict[str, float]:
        """The same network compiled once more, with counters."""
        request = self._compile(self._options | {"PERF_COUNT": True})
        for name, array in {self._images: batch, **self._state}.items():
            request.set_tensor(name, openvino.Tensor(array.copy()))
        merged = {}
        for node in request.get_compiled_model().get_runtime_model().get_ops():
            facts = node.get_rt_info()
            if "originalLayersNames" in facts:
                merged[node.get_friendly_name()] = str(facts["originalLayersNames"].value)
        times: dict[str, list[float]] = {}
        for run in range(WARM_UP_RUNS + runs):
            request.infer()
            for node in request.profiling_info if run >= WARM_UP_RUNS else ():
                name = ",".join(dict.fromkeys([node.node_name, *merged.get(node.node_name, "").split(",")])).strip(",")
                times.setdefault(name, []).append(1000 * node.real_time.total_seconds())
        return {name: median(values) for name, values in times.items() if any(values)}

    def _release(self) -> None:
        del self._request, self._bound


class OpenVinoWithoutBf16(OpenVinoEngine):
    """Runs what is not quantised in an int8 file in fp32, as all processors do that do not multiply bf16."""

    layers_in_fp32 = True
