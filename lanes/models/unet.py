"""U-Net: an encoder-decoder with skip connections (Ronneberger, Fischer and Brox 2015, https://arxiv.org/abs/1505.04597).

What differs from the paper, and why:

- padded convolutions, so that the mask has the size of the input;
- batch normalisation after every convolution, folded into it at export, so free at run time;
- bilinear up-sampling followed by the block's convolution: no checkerboard, and fewer operations than a transposed one;
- optionally a *strided stem*: the first convolution already halves the resolution and the head predicts four sub-pixels
  (Shi et al. 2016, https://arxiv.org/abs/1609.05158). Maps of full resolution with few channels cost far more time than
  their operation count says, and this network then has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.layers import Concatenate, ConvBlock, Merge, initialise


class EncoderDecoder(LaneNetwork):
    """What every U-Net here shares: the decoder over the encoder's maps, the head, and the size that fits.

    A subclass makes its encoder, then calls `_make_decoder`, and has `encode`.

    Args:
        config: constructor arguments of the subclass.
        stride: of the encoder's finest map. The head predicts `stride` x `stride` sub-pixels for each of its elements.

    Shape:
        (N, 3, H, W) float32 -> (N, outputs, H, W) logits; H and W must be multiples of `divisor`.
    """

    first_convolution: ClassVar[str]
    """Name of the convolution that sees the image."""

    def __init__(self, config: dict[str, Any], stride: int) -> None:
        super().__init__(config)
        self.stride = stride

    def take_weights(self, trained: LaneNetwork) -> None:
        """The same weights, or, where `trained` is narrower, its weights spread over more channels (`lanes.models.widen`)."""
        from lanes.models.widen import widen  # makes networks of this class, so it cannot be imported before the class is there

        if not isinstance(trained, EncoderDecoder):
            raise ValueError(f"a {trained.arch} is no U-Net")
        self.load_state_dict(widen(trained, self.config["widths"]).state_dict())

    def _make_decoder(
        self, channels: Sequence[int], widths: Sequence[int], convolutions: int, outputs: int, ranks: Sequence[int] = ()
    ) -> None:
        """Adds the decoder and the head, and gives every convolution its initial weights.

        Args:
            channels: of the maps that `encode` gives, finest first, each half the size of the one before.
            widths: channels of the decoder's blocks, finest first; one less than maps.
            convolutions: 3x3 convolutions in a block of the decoder.
            outputs: maps predicted, one for lane paint.
            ranks: channels in which a block sees what it is given, finest first; none = all of them.
        """
        self.divisor = self.stride * 2 ** len(widths)
        blocks, merges = [], []
        deep = channels[-1]
        for level, (skip, width) in enumerate(zip(channels[-2::-1], widths[::-1], strict=True), 1):
            merges.append(Merge(deep, skip, ranks[-level]) if ranks else Concatenate())
            blocks.append(ConvBlock(ranks[-level] if ranks else deep + skip, width, convolutions))
            deep = width
        self.merges = nn.ModuleList(merges)
        self.decoders = nn.ModuleList(blocks)
        self.head = nn.Conv2d(deep, outputs * self.stride**2, 1)
        initialise(self, self.head)

    def deploy(self) -> LaneModel:
        return LaneModel(self, self.first_convolution)

    def encode(self, images: Tensor) -> list[Tensor]:
        """The encoder's maps, finest first."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        self.check_size(images)
        *skips, maps = self.encode(images)
        for merge, decoder, skip in zip(self.merges, self.decoders, reversed(skips), strict=True):
            maps = decoder(merge(maps, skip))
        logits: Tensor = self.head(maps)
        return functional.pixel_shuffle(logits, self.stride) if self.stride > 1 else logits


class UNet(EncoderDecoder):
    """A U-Net that maps normalised RGB images to one logit a pixel, from scratch.

    Args:
        widths: channels at each resolution, finest first; its length less one is the depth (how often the maps are halved).
            (16, 32, 64, 128, 256) is the usual doubling.
        convolutions: 3x3 convolutions in a block of the encoder.
        decoder_convolutions: the same in the decoder; one is enough where time counts.
        stem_stride: 1 for the paper's full-resolution first level, 2 for the strided stem.
        outputs: maps predicted, one for lane paint.
    """

    arch = "unet"
    first_convolution = "stem.0"

    def __init__(
        self,
        widths: Sequence[int] = (16, 32, 64, 128, 256),
        *,
        convolutions: int = 2,
        decoder_convolutions: int = 2,
        stem_stride: int = 1,
        outputs: int = 1,
    ) -> None:
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must name at least two levels of one channel or more, not {tuple(widths)}")
        if stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2, not {stem_stride}")
        config = {
            "widths": list(widths),
            "convolutions": convolutions,
            "decoder_convolutions": decoder_convolutions,
            "stem_stride": stem_stride,
            "outputs": outputs,
        }
        super().__init__(config, stem_stride)
        kernel = 3 if stem_stride == 1 else 5
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], kernel, stride=stem_stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.first = ConvBlock(widths[0], widths[0], convolutions - 1)
        self.encoders = nn.ModuleList(ConvBlock(a, b, convolutions) for a, b in pairwise(widths))
        self._make_decoder(widths, widths[:-1], decoder_convolutions, outputs)

    def encode(self, images: Tensor) -> list[Tensor]:
        maps = [self.first(self.stem(images))]
        for encoder in self.encoders:
            maps.append(encoder(functional.max_pool2d(maps[-1], 2)))
        return maps
