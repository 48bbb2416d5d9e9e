"""Mask R-CNN (He, Gkioxari, Dollár and Girshick 2017, https://arxiv.org/abs/1703.06870), small: lane lines as instances.

The network first proposes regions that may hold an object each, then looks into each of them and says whether it does, and which of its
pixels are the object. What differs from the paper, and why:

- anchors of a line have a direction as well as a size. The boxes of two neighbouring lines overlap nearly entirely, but one line runs up
  its box's one diagonal and the next up the other: each size of anchor is there twice, and the mask is looked for along the diagonal;
- suppression would make a graph whose shapes depend on the image, which engines run badly or not at all. In the graph, a proposal must be
  the best of its neighbourhood (a max-pool), and the best `proposals` of these are taken, always as many. What is then still there
  twice is suppressed outside, by the overlap of masks (`lanes.segment.instances`);
- the class head is a mean and one convolution: there is one class;
- the masks are pasted in the graph, so that it gives what every other model gives, a probability for each pixel: that of the likeliest
  line there. The maximum needs no suppression;
- a backbone of 0.2 M parameters, its maps of stride 4 and 8 joined with those of stride 16 (Lin et al. 2017, Feature Pyramid Networks).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanes.models.base import LaneNetwork
from lanes.models.deploy import LaneModel
from lanes.models.regions import decode_boxes, paste, roi_align

ANCHORS = ((20, 17), (50, 22), (43, 47), (116, 42), (90, 95), (180, 102))
"""Width and height of the anchors, pixels: six means of the boxes around the lines of training frames at 512x160."""

DIRECTIONS = (-1, 1)
"""Of a line as it is seen: leaning to the left, like a backslash, and to the right, like a slash."""

PROPOSAL_STRIDE, MASK_STRIDE, PASTE_STRIDE = 8, 4, 2
"""Pixels between the elements of the maps that regions are proposed on, that masks are made of, and that these are pasted on."""

REGION = (24, 32)
"""Rows and columns of bins that RoIAlign makes of a region: lines are wider than high. A mask has twice as many of both."""

OUTPUTS = {
    "boxes": "(N, K, 4): left, top, right, bottom of each region in pixels of the input, whose top left corner is (0, 0)",
    "scores": "(N, K): probability, 0 to 1, that there is a lane line along the region's diagonal",
    "masks": f"(N, K, {2 * REGION[0]}, {2 * REGION[1]}): probability that a cell of the region is paint of that line",
}
"""The model file's outputs besides the lane probability."""


def _block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _plain(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True))


class MaskRcnn(LaneNetwork):
    """Proposals, and for each a score and a mask; as a lane network, the probability of the likeliest line at each pixel.

    Args:
        widths: channels of the maps of stride 2, 4, 8 and 16.
        channels: of the maps that regions are cut from.
        proposals: how many regions are looked into.
        anchors: width and height of each, pixels.
    """

    arch = "maskrcnn"
    ranked = True

    def __init__(
        self,
        widths: Sequence[int] = (12, 24, 40, 64),
        *,
        channels: int = 32,
        proposals: int = 16,
        anchors: Sequence[Sequence[float]] = ANCHORS,
    ) -> None:
        if len(widths) != 4 or min(widths) < 1:
            raise ValueError(f"widths must name four levels of one channel or more, not {tuple(widths)}")
        super().__init__(
            {"widths": list(widths), "channels": channels, "proposals": proposals, "anchors": [list(anchor) for anchor in anchors]}
        )
        self.divisor = 16
        self.outputs = dict(OUTPUTS)
        self.proposals = proposals
        self.sizes = len(anchors)
        half, quarter, eighth, sixteenth = widths
        self.stem = _block(3, half, 5, stride=2)
        self.quarter = nn.Sequential(_block(half, quarter, stride=2), _block(quarter, quarter))
        self.eighth = nn.Sequential(_block(quarter, eighth, stride=2), _block(eighth, eighth))
        # A line may be as long as the image is high, so what proposes it must see as far.
        self.sixteenth = nn.Sequential(
            _block(eighth, sixteenth, stride=2), _block(sixteenth, sixteenth, dilation=2), _block(sixteenth, sixteenth, dilation=4)
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in (quarter, eighth, sixteenth))
        self.smooth = _block(channels, channels)
        self.proposer = _block(channels, 2 * channels)
        self.objectness = nn.Conv2d(2 * channels, len(DIRECTIONS) * self.sizes, 1)
        self.codes = nn.Conv2d(2 * channels, 4 * len(DIRECTIONS) * self.sizes, 1)
        # No batch norm from here on: regions in training are not those of a running model, nor are their means.
        self.region = nn.Sequential(_plain(channels + 2, channels), _plain(channels, channels))
        self.score = nn.Conv2d(channels, 1, 1)
        self.mask = nn.Conv2d(channels, 4, 1)  # four sub-pixels of each bin
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # Few anchors hold a line, and little of a region is paint: from there the first steps need not unlearn the contrary.
        for head, bias in ((self.objectness, -4.0), (self.score, -3.0), (self.mask, -3.0), (self.codes, 0.0)):
            assert head.bias is not None
            nn.init.normal_(head.weight, std=0.01)
            nn.init.constant_(head.bias, bias)

    def deploy(self) -> LaneModel:
        return LaneModel(self, "stem.0")

    def forward(self, images: Tensor) -> Tensor:
        return self.step(images)[0]

    def step(self, images: Tensor, *state: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002 - it has none
        """The lane logits, (N, 1, H, W), and the tensors of `OUTPUTS`."""
        height, width = images.shape[-2:]
        coarse, fine = self.features(images)
        boxes, direction = self.propose(coarse)
        scores, masks = (found.float() for found in self.look_into(fine, boxes, direction))
        pasted = paste(masks, boxes, (height // PASTE_STRIDE, width // PASTE_STRIDE), PASTE_STRIDE)
        # A pixel is paint of a line if the line is there and the pixel is of it: the lesser of the two.
        lines = torch.minimum(pasted, scores[..., None, None])
        # Their maximum as a pooling, and means likewise: to the exporter, a reduction has arguments that older engines do not read.
        likeliest = functional.max_pool2d(lines.flatten(2)[:, None], (self.proposals, 1)).view(-1, 1, *lines.shape[-2:])
        logits = functional.interpolate(likeliest, scale_factor=float(PASTE_STRIDE), mode="bilinear")
        return logits, boxes, torch.sigmoid(scores), torch.sigmoid(masks)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of images, (N, channels, H, W), of `PROPOSAL_STRIDE` and `MASK_STRIDE`. Raises ValueError for a size that does not fit."""
        height, width = images.shape[-2:]
        if height % self.divisor or width % self.divisor:
            fit = [max(1, round(side / self.divisor)) * self.divisor for side in (width, height)]
            raise ValueError(
                f"a {width}x{height} input does not halve evenly: sides must be multiples of {self.divisor}, as in {fit[0]}x{fit[1]}"
            )
        quarter = self.quarter(self.stem(images))
        eighth = self.eighth(quarter)
        maps = self.laterals[2](self.sixteenth(eighth))
        coarse = functional.interpolate(maps, scale_factor=2.0, mode="bilinear") + self.laterals[1](eighth)
        fine = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear") + self.laterals[0](quarter)
        return coarse, self.smooth(fine)

    def rank(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """How likely each anchor is to hold a line, and the box that it would be: (N, A) logits and (N, A, 4) codes.

        Anchors are ordered by direction, then by size, then by row and column, as `anchors` has them.
        """
        maps = self.proposer(coarse)
        codes = self.codes(maps).view(maps.shape[0], -1, 4, *maps.shape[2:]).permute(0, 1, 3, 4, 2)
        # Pixels of a wide image are more than half precision tells apart.
        return self.objectness(maps).float().flatten(1), codes.float().flatten(1, 3)

    def anchors(self, height: int, width: int) -> Tensor:
        """(A, 4) boxes of the anchors on a map of `PROPOSAL_STRIDE` of that size, the same for each direction."""
        half = torch.tensor(self.config["anchors"], dtype=torch.float32).view(-1, 1, 1, 2) / 2
        y, x = ((torch.arange(side, dtype=torch.float32) + 0.5) * PROPOSAL_STRIDE for side in (height, width))
        centre = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
        boxes = torch.cat([centre - half, centre + half], dim=-1)
        return boxes.flatten(0, 2).repeat(len(DIRECTIONS), 1)

    def propose(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely regions: (N, K, 4) boxes and (N, K) -1 or 1, the direction of the line in each."""
        logits, codes = self.rank(coarse)
        count, _, height, width = coarse.shape
        # The best size at each place, and of the places those that no neighbour of theirs beats.
        best, which = (found[:, :, 0] for found in logits.view(count, len(DIRECTIONS), self.sizes, height, width).topk(1, dim=2))
        is_peak = best >= functional.max_pool2d(best, 3, stride=1, padding=1)
        peaks = torch.where(is_peak, best, best - 100.0).flatten(1)
        places = peaks.topk(self.proposals, dim=1).indices
        which = which.flatten(1).gather(1, places)
        rightward = places // (height * width)
        chosen = (rightward * self.sizes + which) * (height * width) + places % (height * width)
        anchors = self.anchors(height, width).to(codes)
        codes = codes.gather(1, chosen[..., None].expand(-1, -1, 4))
        return decode_boxes(codes, anchors[chosen]), 2.0 * rightward.float() - 1

    def look_into(self, fine: Tensor, boxes: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """What is in regions: whether a line is there, (N, K) logits, and its mask, (N, K, 2 rows, 2 columns of `REGION`) logits."""
        count, regions = direction.shape
        aligned = roi_align(fine, boxes, REGION, MASK_STRIDE).flatten(0, 1)
        y, x = (torch.linspace(-1, 1, side, dtype=fine.dtype, device=fine.device) for side in REGION)
        # Where a bin is across and along the line's diagonal: a convolution sees no more than a few bins of the region.
        lean = direction.reshape(-1, 1, 1).to(x) * x
        place = torch.stack([y[:, None] + lean, y[:, None] - lean], dim=1)
        maps = self.region(torch.cat([aligned, place], dim=1))
        scores = self.score(functional.avg_pool2d(maps, REGION))
        masks = functional.pixel_shuffle(self.mask(maps), 2)
        return scores.reshape(count, regions), masks.reshape(count, regions, *masks.shape[-2:])
