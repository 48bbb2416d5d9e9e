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
        state: name of the input of each state tensor in the model file -> name of the output that is its next value. Empty = the
            network sees each image by itself.
        outputs: name of each output of the model file besides the lane probability and the state -> what it means.

    Shape:
        (N, 3, H, W) float32, RGB normalised by `lanes.models.IMAGE_MEAN` and `IMAGE_STD` -> (N, outputs, H, W) logits. To a network
        with state, each of these images is the first of its video; it takes whole clips as well, (N, T, 3, H, W) -> (N, T, outputs, H, W).
    """

    arch: ClassVar[str]
    pretraining: ClassVar[Pretraining | None] = None
    ranked: ClassVar[bool] = False
    """Whether `outputs` list the best of what it found: rounding may then change their order, and which of equals comes last."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"arch": self.arch, **config}
        self.divisor: int = 1
        self.state: dict[str, str] = {}
        self.outputs: dict[str, str] = {}

    def step(self, images: Tensor, *state: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002  only networks with state have any
        """One frame of each of N videos, as the model file calculates it.

        Args:
            images: (N, 3, H, W), normalised.
            state: what the frame before left, in the order of `self.state`.

        Returns:
            The lane logits (N, 1, H, W), the tensors of `self.outputs` and the next value of each state, in the order of the two.
        """
        return (self(images),)

    def initial_state(self, batch: int, height: int, width: int) -> tuple[Tensor, ...]:  # noqa: ARG002  as above
        """The state before the first frame of `batch` videos, for images of that size: zeros, in the order of `self.state`."""
        return ()

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

        It takes (N, H, W, 3) uint8 BGR, then the tensors of `state`; it gives (N, H, W) uint8 lane probability, then the tensors of
        `outputs`, then the next values of `state`. Without the latter two it gives the first alone, no tuple. Parameters and buffers
        have the names of the exported graph's weights.
        """
        raise NotImplementedError
