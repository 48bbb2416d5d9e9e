"""The plain U-Net without its skip connections: an encoder and a decoder, to show what the skips give.

Everything that the mask says of a pixel has to pass through the deepest map, of a sixteenth of the resolution.
"""

from __future__ import annotations

from lanes.models.unet_plain import PlainUNet


class NoSkipUNet(PlainUNet):
    """`PlainUNet` whose way up gets nothing from the way down but the deepest map. Arguments and shapes are the same."""

    arch = "unet_noskip"
    skips = False
