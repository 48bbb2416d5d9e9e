"""Widens a trained network without changing what it calculates.

Net2WiderNet (Chen, Goodfellow and Shlens 2015, https://arxiv.org/abs/1511.05641): every channel is copied, and what reads the
copies shares its weights out among them, so that the wider network calculates the same. A little noise sets the copies apart;
training does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lanes.models.pretrained import PretrainedUNet
from lanes.models.registry import create_model
from lanes.models.unet import EncoderDecoder

Pair = tuple[int, int]
"""Channels of a map, before and after."""

NOISE = 0.05
"""Spread of the noise on a copied weight, as a share of the layer's own spread."""


def widen(network: EncoderDecoder, widths: Sequence[int], noise: float = NOISE) -> EncoderDecoder:
    """A network with `widths` that calculates what `network` does, up to `noise`; with the same widths, an exact copy.

    An encoder that ImageNet taught stays as wide as it was.

    Args:
        network: what is known.
        widths: as its `config` has them, each a whole multiple of the network's own.
        noise: 0 for a network that calculates exactly the same, whose copies would then stay alike in training.

    Raises:
        ValueError: another depth, or a width that is no multiple.
    """
    old = network.config["widths"]
    if len(widths) != len(old) or any(new % was or new < was for new, was in zip(widths, old, strict=False)):
        raise ValueError(f"widths {tuple(old)} cannot be widened to {tuple(widths)}: each must be a whole multiple")
    if list(widths) != list(old) and "ranks" in network.config:
        raise ValueError("a decomposed network is not widened: widen it before it is decomposed")
    wide = create_model(**network.config | {"widths": list(widths)})
    assert isinstance(wide, EncoderDecoder)
    if list(widths) == list(old):
        wide.load_state_dict(network.state_dict())
        return wide
    pairs = list(zip(old, widths, strict=True))
    if isinstance(network, PretrainedUNet):
        encoded, decoded = [(channels, channels) for channels in network.encoder.channels], pairs
    else:
        encoded, decoded = pairs, pairs[:-1]
    narrow = dict(network.named_modules())
    with torch.no_grad():
        for name, module in wide.named_modules():
            source = narrow[name]
            if name.startswith("encoder."):
                if not list(module.children()):
                    module.load_state_dict(source.state_dict())
            elif isinstance(module, nn.Conv2d):
                assert isinstance(source, nn.Conv2d)
                groups = _groups(name, encoded, decoded)
                weight = _copy(_spread_inputs(source.weight, groups, module.in_channels), module.out_channels)
                if module.out_channels > source.out_channels:
                    most = max(new // was for was, new in pairs)
                    weight = weight + noise * source.weight.std() / most * torch.randn_like(weight)
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


def _groups(name: str, encoded: Sequence[Pair], decoded: Sequence[Pair]) -> list[Pair]:
    """How many channels come from each map that a convolution reads: from two maps where a decoder joins them.

    Args:
        name: of the convolution. encoded: maps of the encoder, finest first. decoded: the same of the decoder.
    """
    part, *indices = name.split(".")
    if part == "stem":
        return [(3, 3)]
    if part == "first":
        return [encoded[0]]
    if part == "head":
        return [decoded[0]]
    block, layer = int(indices[0]), int(indices[1])
    if part == "encoders":
        return [encoded[block if layer == 0 else block + 1]]
    level = len(decoded) - 1 - block
    if layer:
        return [decoded[level]]
    return [encoded[-1] if block == 0 else decoded[level + 1], encoded[level]]


def _spread_inputs(weight: Tensor, groups: Sequence[Pair], wanted: int) -> Tensor:
    """Weights (outputs, inputs, h, w) for copied inputs, each copy reading its share, so that the sum stays the same."""
    parts = []
    for part, (was, new) in zip(torch.split(weight, [was for was, _ in groups], dim=1), groups, strict=True):
        parts.append(part.repeat(1, new // was, 1, 1) * (was / new))
    spread = torch.cat(parts, dim=1)
    assert spread.shape[1] == wanted
    return spread
