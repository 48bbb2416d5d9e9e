"""TensorRT on an NVIDIA GPU, https://developer.nvidia.com/tensorrt.

The first run on a machine builds the engine, which takes minutes on a Jetson; later runs load it from engines.cache. All memory is
taken at the start. A frame is then one copy into page-locked memory and one call, which starts copies, network and copies back as a
recorded CUDA graph, and one wait for the results. State never leaves the GPU.
"""

from __future__ import annotations

import atexit
from contextlib import suppress
from functools import partial
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.engine import Arrays, Engine, UnavailableError
from engines.probe import Probe, probe
from engines.tensorrt import api as trt_api
from engines.tensorrt.builder import BuildOptions, build_with_bar
from engines.tensorrt.check import disagreement, expected_map, looks, road_picture
from engines.tensorrt.cuda import CudaGraph, Gpu, open_gpu
from engines.tensorrt.plan_cache import EngineCache, Key
from lanes.errors import InputError, ProcessingError

TYPES = {
    "uint8": "UINT8",
    "int8": "INT8",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "HALF",
    "float32": "FLOAT",
    "bool": "BOOL",
}
"""NumPy's type -> member of trt.DataType."""


class TensorRTEngine(Engine):
    """Runs files in the precision that they have: fp32 (with TF32 where the GPU has it), fp16, and int8.

    One run at a time: copies and calculation of neighbouring batches overlap where two engines run in two threads.
    """

    name = "tensorrt"
    version = ""
    keeps_state = True

    def _start(self, threads: int | None) -> None:  # noqa: ARG002  processor threads do not count here
        found = _require()
        trt = trt_api.import_tensorrt()
        type(self).version = trt.__version__
        self.device = found.gpu or "GPU"
        self._host: dict[str, NDArray[Any]] = {}
        self._memory: dict[str, int] = {}
        self._stream = 0
        self._context: trt_api.IExecutionContext | None = None
        self._graph: CudaGraph | None = None
        self._runtime: trt_api.Runtime | None = None
        self._engine: trt_api.ICudaEngine | None = None
        self._gpu: Gpu | None = None
        self._is_new = False
        try:
            self._gpu = open_gpu(found.cuda_library)
            with self._gpu as gpu:
                self._load(trt, found)
                self._allocate(gpu, trt)
                # The first run sets up what later ones use, and must not be recorded.
                self._enqueue(gpu)
                gpu.wait(self._stream)
                self._graph = gpu.record(self._stream, lambda: self._enqueue(gpu))
                self._zero_state(gpu)
            if self._is_new:
                self._check()
        except (InputError, ProcessingError) as error:
            self._release()
            raise UnavailableError(str(error)) from None
        except BaseException:
            self._release()
            raise
        atexit.register(self.close)  # or CUDA complains about what is left when Python has ended

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        _require()
        return ("int8", "fp16", "fp32")

    def compute_ms(self, runs: int) -> float:
        """Started again and again without copies, as a CUDA graph where that can be recorded. State is zeroed before and after."""
        with self._lock, self._require_gpu() as gpu:
            self._zero_state(gpu)
            graph = gpu.record(self._stream, self._execute)
            start_one = self._execute if graph is None else lambda: graph.launch(self._stream)
            gpu.wait(self._stream)
            start = perf_counter()
            for _ in range(runs):
                start_one()
            gpu.wait(self._stream)
            taken = perf_counter() - start
            if graph is not None:
                graph.close()
            self._zero_state(gpu)
        return 1e3 * taken / runs

    def __enter__(self) -> TensorRTEngine:
        return self

    def _run(self, inputs: Arrays) -> Arrays:
        with self._require_gpu() as gpu:
            for name, array in inputs.items():
                np.copyto(self._host[name], array)
            if self._graph is not None:
                self._graph.launch(self._stream)
            else:
                self._enqueue(gpu)
            gpu.wait(self._stream)
        return {name: self._host[name].copy() for name in self.outputs}

    def _reset(self) -> None:
        if self._next_value:
            with self._require_gpu() as gpu:
                self._zero_state(gpu)

    def _require_gpu(self) -> Gpu:
        if self._gpu is None:
            raise RuntimeError(f"this {self.name} engine is closed")
        return self._gpu

    def _zero_state(self, gpu: Gpu) -> None:
        for name in self._next_value:
            gpu.copy_in(self._memory[name], self._host[name], self._stream)
        gpu.wait(self._stream)

    def _load(self, trt: ModuleType, found: Probe) -> None:
        """Gets the plan out of the cache, or builds it, and makes an engine of it."""
        self._logger = trt_api.make_logger(trt)
        options = BuildOptions((self.batch, self.batch, self.batch))
        key = Key(
            model=self.model.metadata.name,
            onnx_sha256=self.model.sha256,
            tensorrt=trt_api.product(trt),
            gpu=found.gpu or "",
            compute_capability=found.compute_capability,
            precision=self.model.precision,
            shapes="x".join(str(side) for side in self.inputs[self._images].shape),
            flags=options.flags,
        )
        cache = EngineCache()
        refused = cache.refused(key)
        if refused:
            raise ProcessingError(refused)
        self._refuse = partial(cache.refuse, key)

        def build() -> bytes:
            self._is_new = True
            built = build_with_bar(trt, self.model, options, cache.read_timings(key))
            if built.timings:
                cache.write_timings(key, built.timings)
            return built.plan

        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(cache.plan(key, build, found.driver))
        if self._engine is None:  # whole, but of no use: a driver or a library beside TensorRT has changed
            cache.forget(key)
            self._engine = self._runtime.deserialize_cuda_engine(cache.plan(key, build, found.driver))
        if self._engine is None:
            raise ProcessingError(f"{trt_api.product(trt)} cannot load the engine that it has built ({self._why()})")

    def _check(self) -> None:
        """Compares a new engine with ONNX Runtime. Raises ProcessingError, now and at later starts, where it calculates something else."""
        height, width = self.inputs[self._images].shape[1:3]
        picture = road_picture(width, height)
        inputs = {self._images: np.repeat(picture[None], self.batch, axis=0)}
        for _ in range(looks(self.model)):
            results = self._run(inputs)
        wrong = disagreement(results[self._probability][0], expected_map(self.model, picture))
        self._reset()
        if wrong:
            why = f"TensorRT {self.version} calculates {self.model.metadata.name} {self.precision} wrongly on this GPU: {wrong}"
            self._refuse(why)
            raise ProcessingError(why)

    def _allocate(self, gpu: Gpu, trt: ModuleType) -> None:
        """Checks every tensor of the built engine, and takes memory for it on either side; a state's stays zero on the host."""
        assert self._engine is not None
        inputs = {tensor.name for tensor in self.model.inputs}
        found = {self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)}
        for name, spec in self._tensors.items():
            mode = trt.TensorIOMode.INPUT if name in inputs else trt.TensorIOMode.OUTPUT
            kind = getattr(trt.DataType, TYPES[spec.dtype.name])
            if name not in found or self._engine.get_tensor_mode(name) != mode:
                raise ProcessingError(f"the built engine has no {'input' if name in inputs else 'output'} {name}")
            if tuple(self._engine.get_tensor_shape(name)) != spec.shape or self._engine.get_tensor_dtype(name) != kind:
                raise ProcessingError(f"the built engine's {name} is not {spec.dtype} {spec.shape}")
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise ProcessingError(f"TensorRT cannot set up the engine, perhaps for want of GPU memory ({self._why()})")
        self._stream = gpu.stream()
        for name, spec in self._tensors.items():
            self._host[name] = gpu.page_locked(spec.shape, spec.dtype)
            self._host[name].fill(0)
            self._memory[name] = gpu.memory(self._host[name].nbytes)
            if not self._context.set_tensor_address(name, self._memory[name]):
                raise ProcessingError(f"TensorRT refuses its buffers ({self._why()})")
        self._zero_state(gpu)

    def _enqueue(self, gpu: Gpu) -> None:
        for name in self.inputs:
            gpu.copy_in(self._memory[name], self._host[name], self._stream)
        self._execute()
        for name in self.outputs:
            gpu.copy_out(self._host[name], self._memory[name], self._stream)
        for given, result in self._next_value.items():
            gpu.copy_within(self._memory[given], self._memory[result], self._host[given].nbytes, self._stream)

    def _execute(self) -> None:
        assert self._context is not None
        if not self._context.execute_async_v3(self._stream):
            raise ProcessingError(f"TensorRT could not run the network ({self._why()})")

    def _why(self) -> str:
        return self._logger.errors[-1] if self._logger.errors else "it does not say why"

    def _release(self) -> None:
        """In the order in which things stand on each other; TensorRT's objects go, as all GPU memory, while the context is current."""
        atexit.unregister(self.close)
        if self._gpu is None:
            return
        with suppress(ProcessingError), self._gpu as gpu:  # after a fault on the GPU every call fails, and the rest must still be released
            if self._stream:
                gpu.wait(self._stream)
            if self._graph is not None:
                self._graph.close()
        with self._gpu:
            self._context = None
            self._engine = None
            self._runtime = None
        self._host.clear()
        self._gpu.close()
        self._gpu = None


def _require() -> Probe:
    found = probe()
    if found.lacking:
        raise UnavailableError(f"tensorrt cannot run here: {found.lacking}")
    return found
