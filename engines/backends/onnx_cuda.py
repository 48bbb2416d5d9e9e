"""ONNX Runtime on an NVIDIA GPU: needs `onnxruntime-gpu` in the place of `onnxruntime`, https://onnxruntime.ai.

Not run on a GPU since it has named tensors: see tests/gpu.
"""

from __future__ import annotations

from typing import Any

import onnxruntime

from engines.backends.onnx_cpu import first_line
from engines.engine import Arrays, Engine, UnavailableError
from engines.probe import probe

PROVIDER = "CUDAExecutionProvider"


class OnnxCudaEngine(Engine):
    """Runs fp16 and fp32 files. Quantised ones gain nothing from this provider."""

    name = "onnx"
    version = onnxruntime.__version__
    keeps_state = True

    def _start(self, threads: int | None) -> None:  # noqa: ARG002  processor threads do not count here
        self.device = probe().gpu or "GPU"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it would print, it also raises
        try:
            self._session = onnxruntime.InferenceSession(self.model.read(), options, providers=[PROVIDER])
            if self._session.get_providers()[0] != PROVIDER:  # it falls back to the CPU silently when CUDA's libraries are missing
                raise UnavailableError("onnx cannot load CUDA: pip install 'onnxruntime-gpu[cuda,cudnn]'")
            self._memory: dict[str, Any] = {
                name: onnxruntime.OrtValue.ortvalue_from_numpy(spec.zeros(), "cuda", 0) for name, spec in self._tensors.items()
            }
            self._bind()
        except UnavailableError:
            raise
        except Exception as error:  # its exceptions have no common base but this
            raise UnavailableError(f"onnx cannot run {self.model.path} on the GPU ({first_line(error)})") from None

    def _bind(self) -> None:
        self._binding = self._session.io_binding()
        for tensor in self.model.inputs:
            self._binding.bind_ortvalue_input(tensor.name, self._memory[tensor.name])
        for tensor in self.model.outputs:
            self._binding.bind_ortvalue_output(tensor.name, self._memory[tensor.name])

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        if PROVIDER not in onnxruntime.get_available_providers():
            raise UnavailableError("onnx has no CUDA provider: pip install onnxruntime-gpu in the place of onnxruntime")
        return ("fp16", "fp32")

    def _run(self, inputs: Arrays) -> Arrays:
        for name, array in inputs.items():
            self._memory[name].update_inplace(array)
        self._session.run_with_iobinding(self._binding)
        results = {name: self._memory[name].numpy() for name in self.outputs}
        if self._next_value:  # what was written is read next: the two change places, and nothing is copied
            for given, result in self._next_value.items():
                self._memory[given], self._memory[result] = self._memory[result], self._memory[given]
            self._bind()
        return results

    def _reset(self) -> None:
        for name in self._next_value:
            self._memory[name].update_inplace(self._tensors[name].zeros())

    def _release(self) -> None:
        del self._binding, self._session, self._memory
