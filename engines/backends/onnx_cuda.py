"""ONNX Runtime on an NVIDIA GPU: needs `onnxruntime-gpu` in the place of `onnxruntime`, https://onnxruntime.ai."""

from __future__ import annotations

import numpy as np
import onnxruntime

from engines.engine import Engine, Pictures, UnavailableError
from engines.probe import probe

PROVIDER = "CUDAExecutionProvider"


class OnnxCudaEngine(Engine):
    """Runs fp16 and fp32 files. Quantised ones gain nothing from this provider."""

    name = "onnx"
    version = onnxruntime.__version__

    def _start(self, threads: int | None) -> None:  # noqa: ARG002  processor threads do not count here
        self.device = probe().gpu or "GPU"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it would print, it also raises
        try:
            self._session = onnxruntime.InferenceSession(self.model.read(), options, providers=[PROVIDER])
            if self._session.get_providers()[0] != PROVIDER:  # it falls back to the CPU without a word when CUDA's libraries are missing
                raise UnavailableError("onnx cannot load CUDA: pip install 'onnxruntime-gpu[cuda,cudnn]'")
            self._input = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(self._shape, np.uint8), "cuda", 0)
            self._output = onnxruntime.OrtValue.ortvalue_from_shape_and_type(self._shape[:3], np.uint8, "cuda", 0)
            self._binding = self._session.io_binding()
            self._binding.bind_ortvalue_input(self._session.get_inputs()[0].name, self._input)
            self._binding.bind_ortvalue_output(self._session.get_outputs()[0].name, self._output)
        except UnavailableError:
            raise
        except Exception as error:  # its exceptions have no common base but this
            raise UnavailableError(f"onnx cannot run {self.model.path} on the GPU ({str(error).strip().splitlines()[0]})") from None

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        if PROVIDER not in onnxruntime.get_available_providers():
            raise UnavailableError("onnx has no CUDA provider: pip install onnxruntime-gpu in the place of onnxruntime")
        return ("fp16", "fp32")

    def _infer(self, batch: Pictures) -> Pictures:
        self._input.update_inplace(batch)
        self._session.run_with_iobinding(self._binding)
        probability: Pictures = self._output.numpy()
        return probability

    def _release(self) -> None:
        del self._binding, self._session, self._input, self._output
