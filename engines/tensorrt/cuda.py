"""The little of CUDA's driver that running an engine needs, called through pycuda or, where that is not installed, cuda-python.

All work happens in the GPU's primary context, the one that TensorRT and PyTorch use as well: a `with gpu:` block makes it current in
the calling thread and takes it off again. Never `pycuda.autoinit`, which makes a context of its own that the others do not see.
"""

from __future__ import annotations

import ctypes
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lanes.errors import ProcessingError

log = logging.getLogger(__name__)

NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: the stream does not wait for the default stream, on which PyTorch works."""


class CudaError(Exception):
    """A call of cuda-python's driver bindings failed; pycuda has exceptions of its own."""


class Gpu(ABC):
    """The first GPU's primary context, and the streams and memory that were taken from it.

    Streams and device addresses are plain numbers, as TensorRT takes them. Everything stays until `close`, which frees it all: what an
    engine needs is taken once, at its start. A `with` block may stand in any thread, and in another block of the same thread.

    Raises:
        ProcessingError: leaving a block, for a CUDA error in it, a lack of memory, say.
    """

    _failures: tuple[type[Exception], ...]

    def __init__(self) -> None:
        self._closed = False
        self._undo: list[Callable[[], None]] = []  # how to give back what was taken, in the order of taking

    def __enter__(self) -> Gpu:
        self._push()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pop()
        if isinstance(error, self._failures):
            raise ProcessingError(f"the GPU failed: {error}") from error

    @abstractmethod
    def _push(self) -> None:
        """Makes the primary context current in this thread."""

    @abstractmethod
    def _pop(self) -> None:
        """Takes it off again."""

    @abstractmethod
    def _detach(self) -> None:
        """Lets the primary context go, which lives on while others, PyTorch say, use it."""

    @abstractmethod
    def stream(self) -> int:
        """A new stream's handle."""

    @abstractmethod
    def page_locked(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array in host memory that the GPU copies from and to by itself."""

    @abstractmethod
    def memory(self, size: int) -> int:
        """The address of `size` new bytes on the GPU."""

    @abstractmethod
    def copy_in(self, address: int, source: NDArray[Any], stream: int) -> None:
        """Starts copying a page-locked array to the GPU."""

    @abstractmethod
    def copy_out(self, target: NDArray[Any], address: int, stream: int) -> None:
        """Starts copying from the GPU to a page-locked array."""

    @abstractmethod
    def copy_within(self, target: int, source: int, size: int, stream: int) -> None:
        """Starts copying `size` bytes from one address on the GPU to another."""

    @abstractmethod
    def wait(self, stream: int) -> None:
        """Returns when all that was put into the stream is done. Other Python threads run meanwhile."""

    def record(self, stream: int, work: Callable[[], None]) -> CudaGraph | None:
        """Records what `work` puts into the stream, without doing it. The addresses it uses are part of the record.

        None where cuda-python is not installed (pycuda knows no graphs), or where something in the work cannot be recorded.
        """
        try:
            cuda: Any = import_module("cuda.bindings.driver")
        except ImportError:
            return None
        try:
            # Relaxed: what other threads do meanwhile, PyTorch in this process say, is none of the capture's business.
            _call(cuda.cuStreamBeginCapture, stream, cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
            try:
                work()
            finally:
                graph = _call(cuda.cuStreamEndCapture, stream)
            return CudaGraph(cuda, graph)
        except Exception as error:
            if not isinstance(error, (*self._failures, CudaError, ProcessingError)):
                raise
            log.debug("no CUDA graph: %s", error)
            return None

    def close(self) -> None:
        """Frees everything, the last taken first. Arrays from `page_locked` must not be touched any more. May be called more than once."""
        if self._closed:
            return
        self._closed = True
        self._push()
        try:
            while self._undo:
                try:
                    self._undo.pop()()
                except self._failures as error:  # after a fault on the GPU, every call fails, frees too
                    log.debug("while freeing: %s", error)
        finally:
            self._pop()
            self._detach()


class PycudaGpu(Gpu):
    """By pycuda, https://documen.tician.de/pycuda."""

    def __init__(self) -> None:
        super().__init__()
        self._cuda: Any = import_module("pycuda.driver")
        self._failures = (self._cuda.Error, CudaError)
        self._context = _pycuda_context()
        self._streams: dict[int, Any] = {}

    def _push(self) -> None:
        self._context.push()

    def _pop(self) -> None:
        self._cuda.Context.pop()

    def _detach(self) -> None:
        pass  # see _pycuda_context

    def stream(self) -> int:
        stream = self._cuda.Stream(NON_BLOCKING)
        self._streams[stream.handle] = stream
        self._undo.append(self._streams.clear)  # pycuda destroys a stream when the last reference goes
        return int(stream.handle)

    def page_locked(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        array: NDArray[Any] = self._cuda.pagelocked_empty(shape, dtype)
        self._undo.append(array.base.free)  # type: ignore[union-attr]
        return array

    def memory(self, size: int) -> int:
        allocation = self._cuda.mem_alloc(size)
        self._undo.append(allocation.free)
        return int(allocation)

    def copy_in(self, address: int, source: NDArray[Any], stream: int) -> None:
        self._cuda.memcpy_htod_async(address, source, self._streams[stream])

    def copy_out(self, target: NDArray[Any], address: int, stream: int) -> None:
        self._cuda.memcpy_dtoh_async(target, address, self._streams[stream])

    def copy_within(self, target: int, source: int, size: int, stream: int) -> None:
        self._cuda.memcpy_dtod_async(target, source, size, self._streams[stream])

    def wait(self, stream: int) -> None:
        self._streams[stream].synchronize()


@lru_cache(maxsize=1)
def _pycuda_context() -> Any:
    """The primary context, kept until the process ends.

    Context.detach is meant for contexts that pycuda made: letting a primary one go, it leaves it on the driver's stack of current
    contexts, dead, and does nothing at all in another thread than the one that retained it.
    """
    cuda: Any = import_module("pycuda.driver")
    cuda.init()
    return cuda.Device(0).retain_primary_context()


class CudaPythonGpu(Gpu):
    """By cuda-python's driver bindings, https://nvidia.github.io/cuda-python: they install without a compiler."""

    _failures = (CudaError,)

    def __init__(self) -> None:
        super().__init__()
        self._cuda: Any = import_module("cuda.bindings.driver")
        _call(self._cuda.cuInit, 0)
        self._device = _call(self._cuda.cuDeviceGet, 0)
        self._context = _call(self._cuda.cuDevicePrimaryCtxRetain, self._device)

    def _push(self) -> None:
        _call(self._cuda.cuCtxPushCurrent, self._context)

    def _pop(self) -> None:
        _call(self._cuda.cuCtxPopCurrent)

    def _detach(self) -> None:
        _call(self._cuda.cuDevicePrimaryCtxRelease, self._device)

    def stream(self) -> int:
        stream = _call(self._cuda.cuStreamCreate, NON_BLOCKING)
        self._undo.append(lambda: _call(self._cuda.cuStreamDestroy, stream))
        return int(stream)

    def page_locked(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        size = dtype.itemsize * math.prod(shape)
        address = _call(self._cuda.cuMemHostAlloc, size, 0)
        self._undo.append(lambda: _call(self._cuda.cuMemFreeHost, address))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(int(address))).view(dtype).reshape(shape)

    def memory(self, size: int) -> int:
        address = _call(self._cuda.cuMemAlloc, size)
        self._undo.append(lambda: _call(self._cuda.cuMemFree, address))
        return int(address)

    def copy_in(self, address: int, source: NDArray[Any], stream: int) -> None:
        _call(self._cuda.cuMemcpyHtoDAsync, address, source.ctypes.data, source.nbytes, stream)

    def copy_out(self, target: NDArray[Any], address: int, stream: int) -> None:
        _call(self._cuda.cuMemcpyDtoHAsync, target.ctypes.data, address, target.nbytes, stream)

    def copy_within(self, target: int, source: int, size: int, stream: int) -> None:
        _call(self._cuda.cuMemcpyDtoDAsync, target, source, size, stream)

    def wait(self, stream: int) -> None:
        _call(self._cuda.cuStreamSynchronize, stream)


def open_gpu(library: str) -> Gpu:
    """The first GPU by `pycuda` or `cuda.bindings`, whichever engines.probe found. CUDA_VISIBLE_DEVICES says which one is the first.

    Raises ProcessingError when the GPU does not let itself be opened.
    """
    kind = PycudaGpu if library == "pycuda" else CudaPythonGpu
    try:
        return kind()
    except Exception as error:  # pycuda's errors cannot be named before it is imported
        raise ProcessingError(f"the GPU cannot be opened: {error}") from error


class CudaGraph:
    """Work on a stream that `Gpu.record` recorded once, then started by a single call, https://docs.nvidia.com/cuda (CUDA graphs)."""

    def __init__(self, cuda: Any, graph: Any) -> None:
        self._cuda = cuda
        self._graph = graph
        self._ready = _call(cuda.cuGraphInstantiate, graph, 0)

    def launch(self, stream: int) -> None:
        """Starts the recorded work."""
        _call(self._cuda.cuGraphLaunch, self._ready, stream)

    def close(self) -> None:
        """Frees the record."""
        _call(self._cuda.cuGraphExecDestroy, self._ready)
        _call(self._cuda.cuGraphDestroy, self._graph)


def _call(function: Any, *arguments: Any) -> Any:
    """Calls a function of the driver bindings and returns its result; raises CudaError for a code that is not success."""
    code, *results = function(*arguments)
    if int(code) != 0:
        raise CudaError(f"{function.__name__}: {code.name}")
    return results[0] if results else None
