"""Engine: what runs a model file. One contract over OpenVINO, ONNX Runtime and PyTorch."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engines.model_file import FILE_PRECISION, ModelFile
from lanes.errors import InputError

Pictures = NDArray[np.uint8]


class UnavailableError(InputError):
    """This engine, or this precision of it, is not to be had on this machine; another may be. The message says why, in one clause."""


class Engine(ABC):
    """A model ready to run on a device, for batches of one fixed size. Serves one thread at a time; several engines may run at once.

    Args:
        model: the file.
        precision: `auto` for the best this engine has for that file, or one of `precisions()`.
        batch: pictures in a call.
        threads: processor threads for inference; default one a physical core.

    Raises:
        UnavailableError: the precision is not to be had here, or the library cannot run the file.
        InputError: the file is fixed to another batch, or its graph and metadata do not belong together.

    Attributes:
        name: `openvino`, `onnx`, `torch`.
        precision: in which it calculates: `fp32`, `bf16`, `int8`.
        device: what it runs on.
        version: of the library behind it.
        model: the file it runs.
        batch: pictures in a call.
        reason: why this engine and precision, in one line.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    device = "CPU"
    reason = ""

    def __init__(self, model: ModelFile, precision: str = "auto", batch: int = 1, threads: int | None = None) -> None:
        if model.batch not in (None, batch):
            raise InputError(f"{model.path} is fixed to batches of {model.batch} and cannot take {batch}: export it with a dynamic batch")
        self.model = model
        self.precision = self.settle_precision(precision, model.precision)
        self.batch = batch
        transform = model.metadata.transform
        self._shape = (batch, transform.height, transform.width, 3)
        self._closed = False
        self._start(threads)

    @abstractmethod
    def _start(self, threads: int | None) -> None:
        """Loads the model into the library; called once, when all other attributes stand."""

    @classmethod
    @abstractmethod
    def precisions(cls) -> tuple[str, ...]:
        """The precisions to be had on this machine, the one that `auto` would take first."""

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

    def infer(self, batch: Pictures) -> Pictures:
        """Runs the model.

        Args:
            batch: (N, H, W, 3) uint8 BGR, C-contiguous, of exactly the engine's batch and the model's size.

        Returns:
            (N, H, W) uint8, lane probability from 0 to 255. The next call may overwrite it: copy what is to be kept.

        Raises:
            ValueError: `batch` is not as described.
            RuntimeError: the engine is closed.
        """
        if self._closed:
            raise RuntimeError(f"this {self.name} engine is closed")
        if batch.shape != self._shape or batch.dtype != np.uint8 or not batch.flags.c_contiguous:
            layout = "" if batch.flags.c_contiguous else ", not contiguous"
            raise ValueError(f"expected a contiguous uint8 array of shape {self._shape}, got {batch.dtype} {batch.shape}{layout}")
        return self._infer(batch)

    @abstractmethod
    def _infer(self, batch: Pictures) -> Pictures:
        """`infer` with its argument checked."""

    def close(self) -> None:
        """Releases what the engine holds; arrays it returned must not be used any more. May be called more than once."""
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


def physical_cores() -> int:
    """Processor cores that this process may use, counting those that appear as several (hyper-threading) once."""
    try:
        usable = os.sched_getaffinity(0)
        topology = Path("/sys/devices/system/cpu")
        return len({(topology / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text() for cpu in usable})
    except (AttributeError, OSError):  # not Linux, or its /sys is hidden
        return os.cpu_count() or 1
