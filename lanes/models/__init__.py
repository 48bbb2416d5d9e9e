"""The networks. torch lives here and in training, never on the way of a running video."""

from __future__ import annotations

from typing import Any

NETWORKS: dict[str, dict[str, Any]] = {
    "unet": {"widths": (16, 32, 64, 128, 256), "stem_stride": 2},
}
"""Constructor arguments of `lanes.models.unet.UNet` for each bundled model."""
