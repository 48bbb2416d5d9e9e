"""PyTorch on a CPU: the reference that every other engine is held against. Needs the extra `lanestream[train]`."""

from __future__ import annotations

import copy

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engines.engine import Engine, Pictures
from engines.model_file import ModelFile
from lanes.errors import InputError
from lanes.models import IMAGE_MEAN, IMAGE_STD
from lanes.models.build import build_network


class LaneModel(nn.Module):
    """A network as it is run: (N, H, W, 3) uint8 BGR -> (N, H, W) uint8 lane probability.

    Batch norms are folded into the convolutions before them. Of the normalisation, scale and colour order are folded into the
    first convolution, which is exact; the mean is not, since that convolution pads with zeros that stand for the mean itself, so
    it is subtracted in the graph. It is subtracted before the axes change places because convolutions on a CPU want
    the colours innermost, as they come: the exchange then costs nothing (1 ms of a frame at 640x384 otherwise; a flip of the colours 2 ms).

    Args:
        network: maps normalised RGB (N, 3, H, W) float32 to logits (N, 1, H, W); its first convolution must be what sees the
            picture. It is copied, not changed.
    """

    mean: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.register_buffer("mean", 255 * torch.tensor(IMAGE_MEAN[::-1]))
        _fold_batch_norms(self.network)
        first = next(module for module in self.network.modules() if isinstance(module, nn.Conv2d))
        first.weight.copy_((first.weight / (255 * torch.tensor(IMAGE_STD).view(1, 3, 1, 1))).flip(1))

    def forward(self, frames: Tensor) -> Tensor:
        logits = self.network((frames.to(self.mean.dtype) - self.mean).permute(0, 3, 1, 2))
        # The cast comes last, as it comes first above: all that TensorRT does with uint8 is to cast it at the graph's ends.
        return torch.round(255 * torch.sigmoid(logits)).squeeze(1).to(torch.uint8)


def _fold_batch_norms(network: nn.Module) -> None:
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for index, (layer, following) in enumerate(zip(block, list(block)[1:], strict=False)):
                if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                    block[index] = fuse_conv_bn_eval(layer, following)
                    block[index + 1] = nn.Identity()


class TorchEngine(Engine):
    """Rebuilds the network from the model file's metadata, takes the weights out of its graph, and runs it in eager fp32."""

    name = "torch"
    version = torch.__version__

    def _start(self, threads: int | None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self._network: LaneModel | None = load_lane_model(self.model)

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32",)

    def _infer(self, batch: Pictures) -> Pictures:
        assert self._network is not None
        with torch.inference_mode():
            # PyTorch has no read-only tensors, and warns.
            pictures = torch.from_numpy(batch if batch.flags.writeable else batch.copy())
            probability: Pictures = self._network(pictures).numpy()
        return probability

    def _release(self) -> None:
        self._network = None


def load_lane_model(model: ModelFile) -> LaneModel:
    """The network of an fp32 model file, as a PyTorch module. Raises InputError when graph and metadata do not belong together."""
    graph = onnx.load_model_from_string(model.read()).graph
    weights = {weight.name: torch.from_numpy(onnx.numpy_helper.to_array(weight).copy()) for weight in graph.initializer}
    try:
        lane_model = LaneModel(build_network(model.metadata.network))
        # The exporter leaves out a bias that is zero throughout.
        zeros = {name: torch.zeros_like(values) for name, values in lane_model.state_dict().items() if name.endswith(".bias")}
        lane_model.load_state_dict({name: (zeros | weights)[name] for name in lane_model.state_dict()})
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"torch cannot rebuild the network of {model.path} from its metadata ({why}): export it again") from None
    return lane_model
