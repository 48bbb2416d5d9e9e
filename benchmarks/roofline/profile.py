"""The time of each layer in an engine: the profile of the engine's own graph, assigned to the layers of the model file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.roofline.layers import Layer

ENGINE_SUFFIXES = re.compile(r"(/WithoutBiases|_original|_kernel_time|_nchwc|_token_\d+)+$")
"""What engines add to a node's name when they rewrite it."""


def assign(layers: Sequence[Layer], profile: dict[str, float]) -> tuple[dict[str, float], float]:
    """Assigns the engine's times to the model's layers: milliseconds by layer, and those of what belongs to none (changes of layout).

    A node in which the engine has merged several layers counts for the one with the most operations.
    """
    layer_of = {part: layer for layer in layers for part in layer.parts}
    times: dict[str, float] = {}
    rest = 0.0
    for names, milliseconds in profile.items():
        found = [layer_of[name] for name in (ENGINE_SUFFIXES.sub("", name) for name in names.split(",")) if name in layer_of]
        if found:
            name = max(found, key=lambda layer: layer.macs).name
            times[name] = times.get(name, 0.0) + milliseconds
        else:
            rest += milliseconds
    return times, rest
