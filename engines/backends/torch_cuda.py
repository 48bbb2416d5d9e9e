"""PyTorch on an NVIDIA GPU, half precision and CUDA graphs included. Needs the extra `lanestream[train]`.

Run on an H200 with models of one input and one output, fp32 and fp16; with a state or further outputs not on any GPU so far.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.backends.torch_cpu import load_lane_model
from engines.engine import Arrays, Engine, UnavailableError

WARM_UP_RUNS = 3
"""Before the capture: cuDNN chooses its algorithms in the first runs."""


class TorchCudaEngine(Engine):
    """Runs fp16 files in half precision and fp32 files in single, recorded as one CUDA graph."""

    name = "torch"
    version = torch.__version__
    keeps_state = True

    def _start(self, threads: int | None) -> None:  # noqa: ARG002  processor threads do not count here
        network = load_lane_model(self.model)
        try:
            self._record(network)
        except RuntimeError as error:  # no memory left, or a card too old for this build
            raise UnavailableError(f"torch cannot run {self.model.path} on the GPU ({str(error).strip().splitlines()[0]})") from None

    def _record(self, network: nn.Module) -> None:
        self.device = torch.cuda.get_device_name(0)
        self._network = network.to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.precision == "fp16":
            self._network.half()
        self._host = {name: torch.from_numpy(self._tensors[name].zeros()).pin_memory() for name in (*self.inputs, *self.outputs)}
        self._given = {tensor.name: torch.from_numpy(self._tensors[tensor.name].zeros()).to("cuda") for tensor in self.model.inputs}
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP_RUNS):
                    self._network(*self._given.values())
            aside.synchronize()
            with torch.cuda.graph(self._graph):
                results = self._network(*self._given.values())
                given = (results,) if isinstance(results, Tensor) else results
                self._results = {tensor.name: value for tensor, value in zip(self.model.outputs, given, strict=True)}
                for name, result in self._next_value.items():
                    self._given[name].copy_(self._results[result])

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        if not torch.cuda.is_available():
            raise UnavailableError("torch finds no GPU: install a build of it for CUDA, https://pytorch.org/get-started")
        return ("fp16", "fp32")

    def _run(self, inputs: Arrays) -> Arrays:
        with torch.inference_mode():
            for name, array in inputs.items():
                self._host[name].numpy()[:] = array
                self._given[name].copy_(self._host[name], non_blocking=True)
            self._graph.replay()
            for name in self.outputs:
                self._host[name].copy_(self._results[name], non_blocking=True)
            torch.cuda.current_stream().synchronize()
        return {name: self._host[name].numpy().copy() for name in self.outputs}

    def _reset(self) -> None:
        with torch.inference_mode():
            for name in self._next_value:
                self._given[name].zero_()

    def _release(self) -> None:
        del self._graph, self._network, self._given, self._results, self._host
