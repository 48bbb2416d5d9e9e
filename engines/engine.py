"""Engine: what runs a model file. One contract over TensorRT, OpenVINO, ONNX Runtime and PyTorch."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engines.model_file import FILE_PRECISION, ModelFile
from lanes.errors import InputError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays by the names of the tensors that they are for."""


class UnavailableError(InputError):
    """This engine, or this precision of it, does not run on this machine; another may. The message says why, in one clause."""


class NoEngineError(InputError):
    """No engine does here what is asked for. The message ends with what this machine runs instead.

    Args:
        reason: why each engine that was tried does not.
        alternatives: the engines and precisions that work here.
    """

    def __init__(self, reason: str, alternatives: str) -> None:
        super().__init__(f"{reason}; this machine runs {alternatives}")
        self.reason = reason


class Engine(ABC):
    """A model ready to run on a device, on tensors of fixed shapes that are allocated once.

    Calls from several threads wait for each other. A model with state (see `ModelMetadata.state`) serves one video at a time: what it
    remembers goes from run to run until `reset`.

    Args:
        model: the file.
        precision: `auto` for the one this engine prefers for that file, or one of `precisions()`.
        batch: images in a call.
        threads: processor threads for inference; default one a physical core.

    Raises:
        UnavailableError: the engine cannot run this precision here, or its library cannot run the file.
        InputError: the file is fixed to another batch, or its graph and metadata do not belong together.

    Attributes:
        name: `tensorrt`, `openvino`, `onnx`, `torch`.
        precision: in which it calculates: `fp32`, `bf16`, `fp16`, `int8`.
        device: what it runs on.
        version: of the library behind it.
        model: the file it runs.
        batch: images in a call.
        inputs: by name, what `run` takes; the engine's own state is not among them.
        outputs: by name, what `run` returns.
        reason: why this engine and precision, in one line.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    keeps_state: ClassVar[bool] = False
    """Whether the engine carries state itself, on its device, rather than in this class's host memory."""

    device = "CPU"
    reason = ""

    def __init__(self, model: ModelFile, precision: str = "auto", batch: int = 1, threads: int | None = None) -> None:
        if model.batch not in (None, batch):
            raise InputError(f"{model.path} is fixed to batches of {model.batch} and cannot take {batch}: export it with a dynamic batch")
        self.model = model
        self.precision = self.settle_precision(precision, model.precision)
        self.batch = batch
        self._next_value = model.metadata.state
        self._tensors = {tensor.name: tensor.at_batch(batch) for tensor in (*model.inputs, *model.outputs)}
        self.inputs = {tensor.name: self._tensors[tensor.name] for tensor in model.inputs if tensor.name not in self._next_value}
        results = set(self._next_value.values())
        self.outputs = {tensor.name: self._tensors[tensor.name] for tensor in model.outputs if tensor.name not in results}
        (self._images,) = self.inputs
        (self._probability,) = (name for name in self.outputs if name not in model.metadata.outputs)
        self._state: dict[str, NDArray[Any]] = {}
        if not self.keeps_state:
            self._state = {name: self._tensors[name].zeros() for name in self._next_value}
        self._closed = False
        self._lock = threading.RLock()
        self._start(threads)

    @abstractmethod
    def _start(self, threads: int | None) -> None:
        """Loads the model into the library; called once, when all other attributes stand."""

    @classmethod
    @abstractmethod
    def precisions(cls) -> tuple[str, ...]:
        """The precisions that run on this machine, the one that `auto` prefers first."""

    @classmethod
    def settle_precision(cls, wanted: str, of_file: str) -> str:
        """The precision in which a file of precision `of_file` is run when `wanted` (or `auto`) is asked for.

        Raises UnavailableError when this engine cannot do that here.
        """
        fitting = [precision for precision in cls.precisions() if FILE_PRECISION[precision] == of_file]
        if wanted == "auto" and fitting:
            return fitting[0]
        if wanted in fitting:
            return wanted
        raise UnavailableError(f"{cls.name} runs no {of_file if wanted == 'auto' else wanted} here, only {' and '.join(cls.precisions())}")

    def run(self, inputs: Arrays) -> Arrays:
        """Runs the model once.

        Args:
            inputs: an array for each of `self.inputs`, exactly as it is described there, C-contiguous.

        Returns:
            An array for each of `self.outputs`, which is the caller's own.

        Raises:
            ValueError: a name, a shape or a type is wrong.
            RuntimeError: the engine is closed.
            ProcessingError: the device failed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError(f"this {self.name} engine is closed")
            if inputs.keys() != self.inputs.keys():
                raise ValueError(f"expected the tensors {', '.join(self.inputs)}, got {', '.join(inputs) or 'none'}")
            for name, spec in self.inputs.items():
                spec.check(inputs[name])
            results = self._run({**inputs, **self._state})
            if not self.keeps_state:
                self._state = {name: results[result] for name, result in self._next_value.items()}
            return {name: results[name] for name in self.outputs}

    def infer(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`run` with the images only: (N, H, W, 3) uint8 BGR to lane probability, (N, H, W) uint8, 0 to 255. Raises what `run` does."""
        probability: NDArray[np.uint8] = self.run({self._images: batch})[self._probability]
        return probability

    def reset(self) -> None:
        """Forgets what the model remembers of earlier runs, as when another video begins. Without effect on a model without state."""
        with self._lock:
            if self._closed:
                raise RuntimeError(f"this {self.name} engine is closed")
            for array in self._state.values():
                array.fill(0)
            self._reset()

    def share_cores(self) -> None:  # noqa: B027  most engines' waiting threads sleep
        """Leaves cores to the stages around inference, where that costs it little and them much. Results stay the same to the bit."""

    def profile(self, batch: NDArray[np.uint8], runs: int) -> dict[str, float] | None:  # noqa: ARG002
        """Median milliseconds of each node of the engine's own graph, as `infer` runs it on a batch.

        Keys are the names of the ONNX nodes or tensors that a node stands for, joined by commas. None where the engine does not say.
        """
        return None

    def compute_ms(self, runs: int) -> float | None:  # noqa: ARG002
        """Mean milliseconds of a run on the device only, without the copies to it and back. None where the engine does not say."""
        return None

    @abstractmethod
    def _run(self, inputs: Arrays) -> Arrays:
        """`run` with its arguments checked: all inputs of the graph to all its outputs, in arrays that no later run writes to.

        Where the engine keeps state itself, `inputs` and the result are without it.
        """

    def _reset(self) -> None:  # noqa: B027  most engines keep nothing
        """Zeroes the state that the engine keeps itself."""

    def close(self) -> None:
        """Releases what the engine holds. May be called more than once."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._release()

    @abstractmethod
    def _release(self) -> None:
        """Lets go of the library's objects; called once."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
