"""Patches as they were taught, one for every pixel, each classified by itself: the time, and the heatmap beside the dense twin's."""

from __future__ import annotations

from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np
import torch

from benchmarks.ladder.candidates import Candidate
from engines.backends.torch_cpu import load_lane_model
from lanes import load_segmenter
from lanes.arrays import BGRImage
from lanes.models import IMAGE_MEAN
from lanes.models.build import build_network
from lanes.models.patch import PATCH, PatchClassifier


@torch.inference_mode()
def measure_taught(candidate: Candidate, frame: BGRImage, rounds: int, stride: int) -> dict[str, Any] | None:
    """A frame by patches, in PyTorch, as the dense twin's bundled weights have it; None where the rung is not made of patches.

    Args:
        candidate: the rung.
        frame: (H, W, 3) uint8 BGR.
        rounds: how often it is timed.
        stride: a patch for every `stride`-th pixel and row, beside a patch for every one.

    Returns:
        `ms`: for every pixel, the median; `rounds_ms`; `patches` and their `side` in pixels; `difference`: the most by which the heatmap
        differs from the dense twin's, as probability 0 to 1; `dense_ms`: the twin's in the same PyTorch; `strided`: `stride`, `ms`.
    """
    with load_segmenter(candidate.model, "torch", band="off") as segmenter:
        file, transform = segmenter.engine.model, segmenter.transform
        network = build_network(file.metadata.network)
        if not isinstance(network, PatchClassifier):
            return None
        deployed = load_lane_model(file).get_submodule("network")
        assert isinstance(deployed, PatchClassifier)
        fitted = np.empty((transform.height, transform.width, 3), np.uint8)
        transform.fit(frame.shape[1], frame.shape[0]).to_model(frame, fitted)
        # The deployed network's first convolution has scale and colour order folded into it: it takes BGR less the mean.
        images = (torch.from_numpy(fitted).float() - 255 * torch.tensor(IMAGE_MEAN[::-1])).permute(2, 0, 1)[None]
        times: dict[str, list[float]] = {"every": [], "strided": [], "dense": []}
        dense = every = torch.empty(0)
        deployed(images)
        for _ in range(rounds):
            start = perf_counter_ns()
            dense = deployed(images)
            times["dense"].append((perf_counter_ns() - start) / 1e6)
            start = perf_counter_ns()
            deployed.by_patches(images, stride)
            times["strided"].append((perf_counter_ns() - start) / 1e6)
            start = perf_counter_ns()
            every = deployed.by_patches(images)
            times["every"].append((perf_counter_ns() - start) / 1e6)
    return {
        "engine": "torch",
        "ms": median(times["every"]),
        "rounds_ms": times["every"],
        "patches": transform.width * transform.height,
        "side": PATCH,
        "difference": float((torch.sigmoid(every) - torch.sigmoid(dense)).abs().max()),
        "dense_ms": median(times["dense"]),
        "strided": {"stride": stride, "ms": median(times["strided"])},
    }
