"""What every network here has in common, whatever its layers are: training, export and engines rely on this and no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn


@dataclass(frozen=True)
class Pretraining:
    """Weights that a network starts from, learnt elsewhere.

    Attributes:
        data: what they were trained on, as a model's card says it.
        licence: what their makers allow.
    """

    data: str
    licence: str


class LaneNetwork(nn.Module):
    """A network that maps normalised RGB images to one logit a pixel.

    Args:
        config: constructor arguments of the subclass, in JSON's types; `create_model(**network.config)` makes the same network again.

    Attributes:
        arch: name of the architecture in `lanes.models.registry`.
        config: the arguments, with `arch`.
        divisor: width and height of an input must be multiples of it.
        pretraining: where the weights that `load_pretrained` takes come from; None = the network starts from nothing.

    Shape:
        (N, 3, H, W) float32, RGB normalised by `lanes.models.IMAGE_MEAN` and `IMAGE_STD` -> (N, outputs, H, W) logits.
    """

    arch: ClassVar[str]
    pretraining: ClassVar[Pretraining | None] = None

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"arch": self.arch, **config}
        self.divisor: int = 1

    def check_size(self, images: Tensor) -> None:
        """Raises ValueError, with the nearest size that fits, where width or height of images (N, 3, H, W) is no multiple of `divisor`."""
        height, width = images.shape[-2:]
        if height % self.divisor or width % self.divisor:
            fit = [max(1, round(side / self.divisor)) * self.divisor for side in (width, height)]
            raise ValueError(
                f"a {width}x{height} input does not halve evenly: sides must be multiples of {self.divisor}, as in {fit[0]}x{fit[1]}"
            )

    def load_pretrained(self) -> None:
        """Takes the weights that `pretraining` speaks of. Raises ModuleNotFoundError where they are not installed."""

    def pretrained_parameters(self) -> Iterable[nn.Parameter]:
        """The parameters that `load_pretrained` sets: they learn at a lower rate than those that start from nothing."""
        return ()

    def take_weights(self, trained: LaneNetwork) -> None:
        """Starts from the weights of a trained network.

        Raises:
            ValueError, RuntimeError: its weights do not fit.
        """
        self.load_state_dict(trained.state_dict())

    def deploy(self) -> nn.Module:
        """A copy that takes what the model file takes and gives what it gives, tensor by tensor in the graph's order.

        The first is (N, H, W, 3) uint8 BGR, the first of what it gives (N, H, W) uint8 lane probability. Parameters and buffers have
        the names of the exported graph's weights.
        """
        raise NotImplementedError
