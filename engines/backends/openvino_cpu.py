"""OpenVINO on a CPU: the fastest engine on x86-64, https://docs.openvino.ai."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import openvino

from engines.engine import Engine, Pictures, UnavailableError


@lru_cache(maxsize=1)
def _core() -> Any:
    return openvino.Core()


class OpenVinoEngine(Engine):
    """Runs fp32 files in fp32 or bf16, and files quantised to int8.

    `auto` takes bf16 where the processor multiplies it (AMX, AVX-512 BF16), which is several times as fast as fp32 there. The
    compiled network is not cached on disk: compiling takes a tenth of a second.
    """

    name = "openvino"
    version = openvino.__version__.partition("-")[0]  # without the build's number and branch

    def _start(self, threads: int | None) -> None:
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self.precision != "int8":  # what is not quantised in an int8 file runs in whatever is fastest
            options["INFERENCE_PRECISION_HINT"] = {"fp32": "f32", "bf16": "bf16"}[self.precision]
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            network = _core().read_model(self.model.read())
            network.reshape(self._shape)
            self._request = _core().compile_model(network, "CPU", options).create_infer_request()
        except RuntimeError as error:
            raise UnavailableError(f"openvino cannot run {self.model.path} ({str(error).strip().splitlines()[-1]})") from None
        self._input: Pictures | None = None
        # The request writes into this memory at every run.
        self._output: Pictures = self._request.get_output_tensor().data

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        capabilities = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("int8", "bf16", "fp32") if "BF16" in capabilities else ("int8", "fp32")

    @classmethod
    def settle_precision(cls, wanted: str, of_file: str) -> str:
        if wanted == "bf16" and "bf16" not in cls.precisions():
            raise UnavailableError("openvino runs bf16 only on processors that multiply it (AMX or AVX-512 BF16), which this one does not")
        return super().settle_precision(wanted, of_file)

    def _infer(self, batch: Pictures) -> Pictures:
        if batch is not self._input:
            # OpenVINO shares only arrays that may be written to, and copies the others once a call.
            shared = batch.flags.writeable
            self._request.set_input_tensor(openvino.Tensor(batch, shared_memory=shared))
            self._input = batch if shared else None
        self._request.infer()
        return self._output

    def _release(self) -> None:
        del self._request, self._input, self._output
