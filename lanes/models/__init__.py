"""The networks. torch lives here and in training, never on the way of a running video."""

from __future__ import annotations

from typing import Any

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of RGB in 0 to 1 by which a network's input is normalised: ImageNet's, as nearly every network uses."""

NETWORKS: dict[str, dict[str, Any]] = {
    "unet": {"widths": (16, 32, 64, 128, 256), "stem_stride": 2},
}
"""Constructor arguments of `lanes.models.unet.UNet` for each bundled model."""
