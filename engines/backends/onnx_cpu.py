"""ONNX Runtime on a CPU: runs wherever Python does, https://onnxruntime.ai."""

from __future__ import annotations

import numpy as np
import onnxruntime

from engines.backends.denormals import denormals_as_zero
from engines.engine import Engine, Pictures, UnavailableError, physical_cores


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
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        try:
            # The first session of a process leaves its calling thread with denormals off: here the block puts that right.
            with denormals_as_zero():
                self._session = onnxruntime.InferenceSession(self.model.read(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base but this
            raise UnavailableError(f"onnx cannot run {self.model.path} ({str(error).strip().splitlines()[0]})") from None
        self._input: Pictures | None = None
        self._output: Pictures = np.empty(self._shape[:3], np.uint8)
        self._binding = self._session.io_binding()
        output = onnxruntime.OrtValue.ortvalue_from_numpy(self._output)
        self._binding.bind_ortvalue_output(self._session.get_outputs()[0].name, output)

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        # fp32 first: with the symmetric signed int8 that every engine takes, ONNX Runtime gains little.
        return ("fp32", "int8")

    def _infer(self, batch: Pictures) -> Pictures:
        if batch is not self._input:
            self._binding.bind_cpu_input(self._session.get_inputs()[0].name, batch)
            self._input = batch
        with denormals_as_zero():
            self._session.run_with_iobinding(self._binding)
        return self._output

    def _release(self) -> None:
        del self._binding, self._session, self._input, self._output
