"""Patches as they were taught, one for every pixel, each classified by itself: the time, and the heatmap beside the dense twin's."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.ladder.candidates import Candidate
from engines.backends.torch_cpu import load_lane_model
from lanes import load_segmenter
from lanes.arrays import BGRImage
from lanes.models import IMAGE_MEAN
from lanes.models.patch import PATCH, PatchClassifier


def measure_taught(candidate: Candidate, frame: BGRImage, rounds: int, stride: int) -> dict[str, Any] | None:
    """A frame by patches, in PyTorch, with the weights of the dense twin that is bundled; None where the rung is not made of patches.

    Args:
        candidate: the rung.
        frame: (H, W, 3) uint8 BGR.
        rounds: how often it is timed.
        stride: a patch for every `stride`-th pixel and row, beside a patch for every one.

    Returns:
        `engine`, and what `compare` returns.
    """
    with load_segmenter(candidate.model, "torch", band="off") as segmenter:
        file, transform = segmenter.engine.model, segmenter.transform
    network = load_lane_model(file).get_submodule("network")
    if not isinstance(network, PatchClassifier):
        return None
    fitted = np.empty((transform.height, transform.width, 3), np.uint8)
    transform.fit(frame.shape[1], frame.shape[0]).to_model(frame, fitted)
    # Scale and colour order are folded into the deployed network's first convolution: it takes BGR less the mean.
    images = (torch.from_numpy(fitted).float() - 255 * torch.tensor(IMAGE_MEAN[::-1])).permute(2, 0, 1)[None]
    return {"engine": "torch"} | compare(network, images, rounds, stride)


@torch.inference_mode()
def compare(network: PatchClassifier, images: Tensor, rounds: int, stride: int) -> dict[str, Any]:
    """Times patches and their dense twin, interleaved, and compares their heatmaps.

    Args:
        network: in evaluation mode. images: (1, 3, H, W) float32. rounds, stride: as for `measure_taught`.

    Returns:
        `ms`: a patch for every pixel, the median; `rounds_ms`; `patches` and their `side` in pixels; `difference`: the most by which the
        heatmap differs from the dense twin's, as probability 0 to 1; `dense_ms`: the twin's time; `strided`: `stride` and `ms`.
    """
    calls: dict[str, Callable[[], Tensor]] = {
        "dense": lambda: network(images),
        "strided": lambda: network.by_patches(images, stride),
        "every": lambda: network.by_patches(images),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    heatmaps = {"dense": network(images)}  # which warms up as well
    for _ in range(rounds):
        for name, call in calls.items():
            start = perf_counter_ns()
            heatmaps[name] = call()
            times[name].append((perf_counter_ns() - start) / 1e6)
    dense, every = (torch.sigmoid(heatmaps[name]) for name in ("dense", "every"))
    return {
        "ms": median(times["every"]),
        "rounds_ms": times["every"],
        "patches": images.shape[2] * images.shape[3],
        "side": PATCH,
        "difference": float((every - dense).abs().max()),
        "dense_ms": median(times["dense"]),
        "strided": {"stride": stride, "ms": median(times["strided"])},
    }
