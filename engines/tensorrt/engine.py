"""TensorRT on an NVIDIA GPU, https://developer.nvidia.com/tensorrt.

The first run on a machine builds the engine, which takes minutes on a Jetson; later runs load it from engines.cache. All memory is
taken at the start. A frame is then one copy into page-locked memory and one call, which starts copy, network and copy back as a
recorded CUDA graph, and one wait for the result.
"""

from __future__ import annotations

import atexit
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from engines.engine import Engine, Pictures, UnavailableError
from engines.probe import Probe, probe
from engines.tensorrt import api as trt_api
from engines.tensorrt.build import BuildOptions, build_with_bar
from engines.tensorrt.cache import EngineCache, Key
from engines.tensorrt.cuda import CudaGraph, Gpu, open_gpu
from lanes.errors import InputError, ProcessingError

SLOTS = 2
"""Batches under way at once: while the GPU calculates one, another is copied."""


@dataclass
class Slot:
    """What one batch on its way needs. Every slot has a context of its own, since a context serves one batch at a time."""

    input: Pictures
    output: Pictures
    input_address: int
    output_address: int
    stream: int
    context: trt_api.ExecutionContext
    graph: CudaGraph | None = None


class TensorRTEngine(Engine):
    """Runs files in the precision that they have: fp32 (with TF32 where the GPU has it), fp16, and int8.

    `infer` waits for its result. A caller with more to do uses the pair `submit` and `result`, with which copies and calculation of
    neighbouring batches overlap.
    """

    name = "tensorrt"
    version = ""

    def _start(self, threads: int | None) -> None:  # noqa: ARG002  processor threads do not count here
        found = _require()
        trt = trt_api.import_tensorrt()
        type(self).version = trt.__version__
        self.device = found.gpu or "GPU"
        self._slots: list[Slot] = []
        self._spare: deque[Slot] = deque()
        self._under_way: deque[Slot] = deque()
        self._runtime: trt_api.Runtime | None = None
        self._engine: trt_api.CudaEngine | None = None
        self._gpu: Gpu | None = None
        try:
            self._gpu = open_gpu(found.cuda_library)
            with self._gpu:
                self._load(trt, found)
                for _ in range(SLOTS):
                    self._slots.append(self._make_slot(self._gpu, trt))
        except (InputError, ProcessingError) as error:
            self._release()
            raise UnavailableError(str(error)) from None
        except BaseException:
            self._release()
            raise
        self._spare.extend(self._slots)
        atexit.register(self.close)  # or CUDA complains about what is left when Python has ended

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        _require()
        return ("int8", "fp16", "fp32")

    def submit(self, batch: Pictures) -> None:
        """Starts a batch, of the shape that `infer` takes, and returns at once; `batch` may be overwritten then.

        Raises:
            RuntimeError: `SLOTS` batches are under way; take a result first.
            ProcessingError: the GPU failed.
        """
        if self._closed or self._gpu is None:
            raise RuntimeError(f"this {self.name} engine is closed")
        if not self._spare:
            raise RuntimeError(f"{SLOTS} batches are under way: take a result first")
        slot = self._spare[0]
        np.copyto(slot.input, batch)
        self._under_way.append(self._spare.popleft())
        with self._gpu:
            if slot.graph is not None:
                slot.graph.launch(slot.stream)
            else:
                self._enqueue(self._gpu, slot)

    def result(self) -> Pictures:
        """Waits for the batch that was submitted first and returns what `infer` does; the second `submit` from now overwrites it.

        Raises:
            RuntimeError: nothing is under way.
            ProcessingError: the GPU failed.
        """
        if self._closed or self._gpu is None or not self._under_way:
            raise RuntimeError(f"this {self.name} engine has no batch under way")
        slot = self._under_way.popleft()
        self._spare.append(slot)
        with self._gpu:
            self._gpu.wait(slot.stream)
        return slot.output

    def __enter__(self) -> TensorRTEngine:
        return self

    def _infer(self, batch: Pictures) -> Pictures:
        if self._under_way:
            raise RuntimeError("batches are under way by submit: take their results first")
        self.submit(batch)
        return self.result()

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
            driver=found.driver,
            precision=self.model.precision,
            shapes="x".join(str(side) for side in self._shape),
            flags=options.flags,
        )
        cache = EngineCache()

        def build() -> bytes:
            built = build_with_bar(trt, self.model, options, cache.read_timings(key))
            if built.timings:
                cache.write_timings(key, built.timings)
            return built.plan

        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(cache.plan(key, build))
        if self._engine is None:  # whole, but of no use: a library beside TensorRT has changed
            cache.forget(key)
            self._engine = self._runtime.deserialize_cuda_engine(cache.plan(key, build))
        if self._engine is None:
            raise ProcessingError(f"{trt_api.product(trt)} cannot load the engine that it has built ({self._why()})")

    def _make_slot(self, gpu: Gpu, trt: ModuleType) -> Slot:
        assert self._engine is not None
        names: dict[Any, str] = {}
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            names[self._engine.get_tensor_mode(name)] = name
        given, wanted = names[trt.TensorIOMode.INPUT], names[trt.TensorIOMode.OUTPUT]
        for name, shape in ((given, self._shape), (wanted, self._shape[:3])):
            if tuple(self._engine.get_tensor_shape(name)) != shape or self._engine.get_tensor_dtype(name) != trt.DataType.UINT8:
                raise ProcessingError(f"the built engine's {name} is not uint8 {shape}")
        context = self._engine.create_execution_context()
        if context is None:
            raise ProcessingError(f"TensorRT cannot set up the engine, perhaps for want of GPU memory ({self._why()})")
        pictures, probability = gpu.page_locked(self._shape), gpu.page_locked(self._shape[:3])
        pictures.fill(0)
        slot = Slot(pictures, probability, gpu.memory(pictures.nbytes), gpu.memory(probability.nbytes), gpu.stream(), context)
        if not (context.set_tensor_address(given, slot.input_address) and context.set_tensor_address(wanted, slot.output_address)):
            raise ProcessingError(f"TensorRT refuses its buffers ({self._why()})")
        # The first run sets up what later ones use, and must not be recorded.
        self._enqueue(gpu, slot)
        gpu.wait(slot.stream)
        slot.graph = CudaGraph.record(slot.stream, lambda: self._enqueue(gpu, slot))
        return slot

    def _enqueue(self, gpu: Gpu, slot: Slot) -> None:
        gpu.copy_in(slot.input_address, slot.input, slot.stream)
        if not slot.context.execute_async_v3(slot.stream):
            raise ProcessingError(f"TensorRT could not run the network ({self._why()})")
        gpu.copy_out(slot.output, slot.output_address, slot.stream)

    def _why(self) -> str:
        return self._logger.errors[-1] if self._logger.errors else "it does not say why"

    def _release(self) -> None:
        """In the order in which things stand on each other; TensorRT's objects go, as all GPU memory, while the context is current."""
        atexit.unregister(self.close)
        if self._gpu is None:
            return
        self._spare.clear()
        self._under_way.clear()
        with self._gpu:
            while self._slots:
                _release_slot(self._gpu, self._slots.pop())
            self._engine = None
            self._runtime = None
        self._gpu.close()
        self._gpu = None


def _release_slot(gpu: Gpu, slot: Slot) -> None:
    with suppress(ProcessingError), gpu:  # after a fault on the GPU every call fails, and the rest must still be let go
        gpu.wait(slot.stream)
        if slot.graph is not None:
            slot.graph.close()


def _require() -> Probe:
    found = probe()
    if found.lacking:
        raise UnavailableError(f"tensorrt cannot run here: {found.lacking}")
    return found
