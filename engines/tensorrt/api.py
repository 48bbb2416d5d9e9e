"""The part of TensorRT's Python API that is used here: what TensorRT 10.3 to 11 and TensorRT for RTX have in common.

The bindings come without type stubs. These protocols let the type checker refuse any member that is not written down here, and a
test holds what is written down against the real bindings. https://docs.nvidia.com/deeplearning/tensorrt/latest/_static/python-api
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

log = logging.getLogger(__name__)

MODULES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}
"""Python module -> product. The second has the first's API, comes from PyPI, runs on GeForce and RTX cards, and builds without a GPU."""


class ParserError(Protocol):
    """trt.ParserError. TensorRT 8.6 lacks the two names."""

    def desc(self) -> str: ...
    def node_name(self) -> str: ...
    def node_operator(self) -> str: ...


class OnnxParser(Protocol):
    """trt.OnnxParser"""

    num_errors: int

    def parse(self, model: bytes) -> bool: ...
    def get_error(self, index: int) -> ParserError: ...


class ILayer(Protocol):
    """trt.ILayer"""

    name: str
    type: Any


class ITensor(Protocol):
    """trt.ITensor"""

    name: str
    shape: Any


class INetworkDefinition(Protocol):
    """trt.INetworkDefinition"""

    num_inputs: int
    num_layers: int

    def get_input(self, index: int) -> ITensor: ...
    def get_layer(self, index: int) -> ILayer: ...


class IOptimizationProfile(Protocol):
    """trt.IOptimizationProfile"""

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None: ...


class ITimingCache(Protocol):
    """trt.ITimingCache"""

    def serialize(self) -> Any: ...


class IBuilderConfig(Protocol):
    """trt.IBuilderConfig. TensorRT 8.6 lacks progress_monitor."""

    progress_monitor: Any
    default_device_type: Any
    DLA_core: int

    def set_flag(self, flag: Any) -> None: ...
    def set_tactic_sources(self, tactic_sources: int) -> bool: ...
    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None: ...
    def add_optimization_profile(self, profile: IOptimizationProfile) -> int: ...
    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None: ...
    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool: ...
    def get_timing_cache(self) -> ITimingCache | None: ...
    def can_run_on_DLA(self, layer: ILayer) -> bool: ...  # noqa: N802


class Builder(Protocol):
    """trt.Builder"""

    num_DLA_cores: int  # noqa: N815

    def create_network(self, flags: int) -> INetworkDefinition: ...
    def create_builder_config(self) -> IBuilderConfig: ...
    def create_optimization_profile(self) -> IOptimizationProfile: ...
    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> Any | None: ...


class IExecutionContext(Protocol):
    """trt.IExecutionContext"""

    def set_tensor_address(self, name: str, memory: int) -> bool: ...
    def execute_async_v3(self, stream_handle: int) -> bool: ...


class ICudaEngine(Protocol):
    """trt.ICudaEngine"""

    num_io_tensors: int

    def get_tensor_name(self, index: int) -> str: ...
    def get_tensor_mode(self, name: str) -> Any: ...
    def get_tensor_shape(self, name: str) -> Sequence[int]: ...
    def get_tensor_dtype(self, name: str) -> Any: ...
    def create_execution_context(self) -> IExecutionContext | None: ...


class Runtime(Protocol):
    """trt.Runtime"""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None: ...


def import_tensorrt() -> ModuleType:
    """`tensorrt`, or `tensorrt_rtx` where that is what is installed. Importing is safe everywhere; trt.Runtime is not: see engines.probe.

    Raises ImportError with why neither can be imported.
    """
    reasons = []
    for name in MODULES:
        try:
            return importlib.import_module(name)
        except Exception as error:  # besides ImportError, whatever its libraries throw while they load
            reasons.append(f"{name}: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}")
    raise ImportError("; ".join(reasons))


def product(trt: ModuleType) -> str:
    """`TensorRT 10.3.0`."""
    return f"{MODULES[trt.__name__]} {trt.__version__}"


def make_logger(trt: ModuleType) -> Any:
    """A trt.ILogger that keeps errors in its list `errors` and passes everything on to Python's logging, below its warnings.

    TensorRT says in its log why a call returned nothing; it raises no exceptions.
    """

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if int(severity) <= int(trt.ILogger.ERROR):
                self.errors.append(message)
            log.debug("%s: %s", severity, message)

    return Logger()
