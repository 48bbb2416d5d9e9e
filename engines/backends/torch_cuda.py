"""PyTorch on an NVIDIA GPU, half precision and CUDA graphs included. Needs the extra `lanestream[train]`."""

from __future__ import annotations

import torch
from torch import nn

from engines.backends.torch_cpu import load_lane_model
from engines.engine import Engine, Pictures, UnavailableError

WARM_UP_RUNS = 3
"""Before the capture: cuDNN chooses its algorithms in the first runs."""


class TorchCudaEngine(Engine):
    """Runs fp16 files in half precision and fp32 files in single, recorded as one CUDA graph."""

    name = "torch"
    version = torch.__version__

    def _start(self, threads: int | None) -> None:  # noqa: ARG002  processor threads do not count here
        network = load_lane_model(self.model)
        try:
            self._record(network)
        except RuntimeError as error:  # no memory left, or a card too old for this build
            raise UnavailableError(f"torch cannot run {self.model.path} on the GPU ({str(error).strip().splitlines()[0]})") from None

    def _record(self, network: nn.Module) -> None:
        self.device = torch.cuda.get_device_name(0)
        network = network.to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.precision == "fp16":
            network.half()
        self._host_input = torch.zeros(self._shape, dtype=torch.uint8, pin_memory=True)
        self._host_output = torch.zeros(self._shape[:3], dtype=torch.uint8, pin_memory=True)
        self._input = self._host_input.to("cuda")
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP_RUNS):
                    network(self._input)
            aside.synchronize()
            with torch.cuda.graph(self._graph):
                self._output = network(self._input)
        self._network = network

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        if not torch.cuda.is_available():
            raise UnavailableError("torch finds no GPU: install a build of it for CUDA, https://pytorch.org/get-started")
        return ("fp16", "fp32")

    def _infer(self, batch: Pictures) -> Pictures:
        self._host_input.numpy()[:] = batch
        with torch.inference_mode():
            self._input.copy_(self._host_input, non_blocking=True)
            self._graph.replay()
            self._host_output.copy_(self._output, non_blocking=True)
            torch.cuda.current_stream().synchronize()
        probability: Pictures = self._host_output.numpy()
        return probability

    def _release(self) -> None:
        del self._graph, self._network, self._input, self._output, self._host_input, self._host_output
