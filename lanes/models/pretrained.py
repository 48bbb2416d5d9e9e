"""A U-Net whose encoder has learnt to see on ImageNet, before it sees the first road."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from lanes.models.base import Pretraining
from lanes.models.efficientnet_lite import IMAGENET, IMAGENET_LICENCE, EfficientNetLite
from lanes.models.unet import EncoderDecoder


class PretrainedUNet(EncoderDecoder):
    """EfficientNet-Lite as the encoder, the U-Net's decoder, and skip connections at each resolution.

    The finest map is half the image's size, and the head predicts four sub-pixels, as behind the plain network's strided stem.

    Args:
        encoder: a name of `lanes.models.efficientnet_lite.VARIANTS`.
        blocks: how many of the encoder's blocks.
        widths: channels of the decoder's blocks, finest first; one less than the resolutions that the encoder's blocks reach.
        outputs: maps predicted, one for lane paint.
        ranks: channels in which each block of the decoder sees what it is given, finest first, by `lanes.models.decompose`; default all.

    Raises:
        ValueError: there is no such encoder, or the widths or ranks do not fit it.
    """

    arch = "pretrained_unet"
    pretraining = Pretraining(IMAGENET, IMAGENET_LICENCE)
    first_convolution = "encoder.stem.0"

    def __init__(self, *, encoder: str, blocks: int, widths: Sequence[int], outputs: int = 1, ranks: Sequence[int] = ()) -> None:
        config = {"encoder": encoder, "blocks": blocks, "widths": list(widths), "outputs": outputs}
        if ranks:
            config["ranks"] = list(ranks)
        super().__init__(config, stride=2)
        self.encoder = EfficientNetLite(encoder, blocks)
        levels = len(self.encoder.channels) - 1
        if len(widths) != levels or min(widths) < 1:
            raise ValueError(f"widths must name {levels} levels of one channel or more, not {tuple(widths)}")
        if ranks and (len(ranks) != levels or min(ranks) < 1):
            raise ValueError(f"ranks must name {levels} levels of one channel or more, not {tuple(ranks)}")
        self._make_decoder(self.encoder.channels, widths, convolutions=2, outputs=outputs, ranks=ranks)

    def load_pretrained(self) -> None:
        self.encoder.load_imagenet()

    def pretrained_parameters(self) -> Iterable[nn.Parameter]:
        return self.encoder.parameters()

    def encode(self, images: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.encoder(images)
        return maps
