"""PyTorch on a CPU: the reference that every other engine is compared with. Needs the extra `lanestream[train]`."""

from __future__ import annotations

import os
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.cores import cpu_quota, physical_cores
from engines.engine import Arrays, Engine
from engines.model_file import ModelFile
from lanes.errors import InputError
from lanes.models.build import build_network


class TorchEngine(Engine):
    """Rebuilds the network from the model file's metadata, takes the weights out of its graph, and runs it in eager fp32.

    In a process that was forked after it opened, it runs in one thread: PyTorch's others do not survive a fork.
    """

    name = "torch"
    version = torch.__version__

    def _start(self, threads: int | None) -> None:
        # PyTorch counts physical cores itself, but not the quota of a container.
        if threads is not None or cpu_quota() is not None:
            torch.set_num_threads(threads or physical_cores())
        self._network: nn.Module | None = load_lane_model(self.model)
        self._process = os.getpid()

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32",)

    def _run(self, inputs: Arrays) -> Arrays:
        assert self._network is not None
        if os.getpid() != self._process:
            self._process = os.getpid()
            torch.set_num_threads(1)
        with torch.inference_mode():
            results = self._network(*(_tensor(inputs[tensor.name]) for tensor in self.model.inputs))
        given = (results,) if isinstance(results, Tensor) else results
        # Contiguous, as a state is at first and after a reset: in another layout convolutions round otherwise.
        return {tensor.name: value.contiguous().numpy() for tensor, value in zip(self.model.outputs, given, strict=True)}

    def _release(self) -> None:
        self._network = None


def _tensor(array: NDArray[Any]) -> Tensor:
    # PyTorch has no read-only tensors, and warns.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def load_lane_model(model: ModelFile) -> nn.Module:
    """The deployed network of an fp32 or fp16 model file, its weights as fp32.

    Raises InputError when graph and metadata do not belong together.
    """
    graph = onnx.load_model_from_string(model.read()).graph
    weights = {weight.name: torch.from_numpy(onnx.numpy_helper.to_array(weight).copy()) for weight in graph.initializer}
    try:
        network = build_network(model.metadata.network).deploy()
        # The exporter leaves out a bias that is zero throughout.
        zeros = {name: torch.zeros_like(values) for name, values in network.state_dict().items() if name.endswith(".bias")}
        network.load_state_dict({name: (zeros | weights)[name] for name in network.state_dict()})
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"torch cannot rebuild the network of {model.path} from its metadata ({why}): export it again") from None
    return network
