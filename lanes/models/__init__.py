"""The networks. torch lives here and in training; no running video needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of RGB in 0 to 1 by which a network's input is normalised: ImageNet's, as nearly every network uses."""


@dataclass(frozen=True)
class Network:
    """A network that `lanes.train` trains.

    Attributes:
        config: the architecture and its arguments, as `lanes.models.registry.create_model` takes them.
        size: width and height of its input, pixels.
        crop: the same of its training examples.
        task: module and class of what it learns from, a `lanes.train.task.Task`.
        loss: a name of `lanes.train.loss.LOSSES`.
        learning_rate: the highest of its schedule.
    """

    config: dict[str, Any]
    size: tuple[int, int]
    crop: tuple[int, int] = (704, 224)
    task: str = "lanes.train.task:Task"
    loss: str = "entropy_dice"
    learning_rate: float = 2e-3


def _pretrained(encoder: str, blocks: int, widths: list[int]) -> dict[str, Any]:
    return {"arch": "pretrained_unet", "encoder": encoder, "blocks": blocks, "widths": widths}


PRODUCT = {
    "unet": Network(_pretrained("efficientnet-lite0", 13, [16, 32, 64, 96]), (704, 224)),
    "unet-large": Network(_pretrained("efficientnet-lite2", 17, [32, 64, 128, 192]), (1024, 320), (1024, 320)),
}
"""The networks that are made to be used: for real time on a CPU or a small GPU, and for a GPU. As bundled, `unet-large`
is the two together (`lanes.models.ensemble`)."""

LADDER_SIZE, LADDER_CROP = (512, 160), (256, 160)
"""Input and training examples of the ladder's networks: the same for all, so that their results compare."""


def _rung(config: dict[str, Any], **how: Any) -> Network:
    return Network(config, LADDER_SIZE, LADDER_CROP, **{"learning_rate": 6e-3, **how})


LADDER = {
    "patch": _rung({"arch": "patch", "widths": [16, 24, 32]}, task="lanes.train.patches:PatchTask", loss="entropy"),
    "fcn_pooled": _rung({"arch": "fcn_pooled", "widths": [16, 32, 48]}, task="lanes.train.pooled:PooledTask", loss="entropy"),
    "fcn": _rung({"arch": "fcn", "width": 16, "convolutions": 8}, loss="entropy"),
    "unet_plain": _rung({"arch": "unet_plain", "widths": [8, 16, 32, 48, 64]}),
    "unet_noskip": _rung({"arch": "unet_noskip", "widths": [8, 16, 32, 48, 64]}),
    "unet3d": _rung({"arch": "unet3d", "widths": [8, 16, 24, 40, 64]}, task="lanes.train.clips:ClipTask"),
    "deeplab": _rung({"arch": "deeplab", "widths": [16, 32, 64], "rates": [2, 4, 8]}),
    "maskrcnn": _rung({"arch": "maskrcnn"}, task="lanes.train.maskrcnn:MaskRcnnTask", learning_rate=2e-3),
}
"""The networks of the ladder (docs/training.md), in the order in which the field came to them: they are made to be understood."""

NETWORKS = PRODUCT | LADDER
"""All networks by name."""
