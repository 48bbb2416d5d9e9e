"""Growing a wider network out of a narrow one without losing what it knows.

Net2WiderNet (Chen, Goodfellow and Shlens 2015, https://arxiv.org/abs/1511.05641): every channel is copied, and what reads the
copies shares its weights out among them, so that the wider network calculates the same. A little noise sets the copies apart;
training does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lanes.models.unet import UNet

NOISE = 0.05
"""Spread of the noise on a copied weight, as a share of the layer's own spread."""


def widen(network: UNet, widths: Sequence[int], noise: float = NOISE) -> UNet:
    """A `UNet` with `widths` channels that calculates what `network` does, up to `noise`; with the same widths, an exact copy.

    Args:
        network: what is known.
        widths: channels at each resolution, each a whole multiple of the network's own.
        noise: 0 for a network that calculates exactly the same, whose copies would then stay alike in training.

    Raises:
        ValueError: another depth, or a width that is no multiple.
    """
    old = network.config["widths"]
    if len(widths) != len(old) or any(new % was or new < was for new, was in zip(widths, old, strict=False)):
        raise ValueError(f"widths {tuple(old)} cannot grow to {tuple(widths)}: each must be a whole multiple")
    wide = UNet(**(network.config | {"widths": list(widths)}))
    if list(widths) == list(old):
        wide.load_state_dict(network.state_dict())
        return wide
    copies = {was: new // was for new, was in zip(widths, old, strict=True)}
    levels = list(zip(old, widths, strict=True))
    narrow = dict(network.named_modules())
    with torch.no_grad():
        for name, module in wide.named_modules():
            source = narrow[name]
            if isinstance(module, nn.Conv2d):
                assert isinstance(source, nn.Conv2d)
                weight = _spread_inputs(source.weight, _groups(name, levels), module.in_channels)
                weight = _copy(weight, module.out_channels)
                if module.out_channels > source.out_channels:
                    weight = weight + noise * source.weight.std() / max(copies.values()) * torch.randn_like(weight)
                module.weight.copy_(weight)
                if module.bias is not None and source.bias is not None:
                    module.bias.copy_(_copy(source.bias, module.out_channels))
            elif isinstance(module, nn.BatchNorm2d):
                assert isinstance(source, nn.BatchNorm2d)
                for key, value in source.state_dict().items():
                    module.state_dict()[key].copy_(value if value.ndim == 0 else _copy(value, module.num_features))
    return wide


def _copy(values: Tensor, wanted: int) -> Tensor:
    """The first axis copied `wanted / length` times: 0, 1, 2, ..., 0, 1, 2, ..."""
    return values.repeat(wanted // len(values), *[1] * (values.ndim - 1))


def _groups(name: str, levels: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """How many channels come from each map that a convolution reads, before and after: two maps where a decoder joins them."""
    part, *place = name.split(".")
    if part == "stem":
        return [(3, 3)]
    if part in ("first", "head"):
        return [levels[0]]
    block, layer = int(place[0]), int(place[1])
    if part == "encoders":
        return [levels[block if layer == 0 else block + 1]]
    skip = len(levels) - 2 - block
    return [levels[skip + 1], levels[skip]] if layer == 0 else [levels[skip]]


def _spread_inputs(weight: Tensor, groups: Sequence[tuple[int, int]], wanted: int) -> Tensor:
    """Weights (outputs, inputs, h, w) for copied inputs, each copy reading its share, so that the sum stays the same."""
    parts = []
    for part, (was, new) in zip(torch.split(weight, [was for was, _ in groups], dim=1), groups, strict=True):
        parts.append(part.repeat(1, new // was, 1, 1) * (was / new))
    spread = torch.cat(parts, dim=1)
    assert spread.shape[1] == wanted
    return spread
