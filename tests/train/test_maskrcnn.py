"""The losses of Mask R-CNN on cases made by hand, and that a step of training lowers them."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.data.augment import Sample  # noqa: E402
from lanes.models import NETWORKS  # noqa: E402
from lanes.models.maskrcnn import DIRECTIONS, PROPOSAL_STRIDE, MaskRcnn  # noqa: E402
from lanes.models.regions import encode_boxes, roi_align  # noqa: E402
from lanes.segment.transform import FrameTransform  # noqa: E402
from lanes.train.instances import BEST, MOST_LINES, Lines, line_boxes, match  # noqa: E402
from lanes.train.loaders import TrainingStream  # noqa: E402
from lanes.train.maskrcnn import Labels, MaskRcnnTask, choose_regions, focal_loss, proposal_loss, region_loss  # noqa: E402
from lanes.train.task import make_task  # noqa: E402

WIDTH, HEIGHT = 128, 96
CERTAIN = 12.0


def labels(count: int = 1) -> Labels:
    """Each image with one line, from the lower left to the upper right."""
    instances = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(instances, (30, 85), (75, 15), 1, 5)
    kept, boxes = line_boxes(instances)
    lines = torch.from_numpy(boxes).expand(count, -1, -1)
    given = torch.from_numpy(kept).expand(count, 1, -1, -1)
    return Labels(given, torch.ones(given.shape), Lines(lines[..., :4], lines[..., 4]))


def network() -> MaskRcnn:
    torch.manual_seed(1)
    return MaskRcnn((4, 4, 6, 8), channels=4, proposals=8, anchors=[[40, 60], [20, 17]])


def test_focal_loss_by_hand() -> None:
    logits, target = torch.tensor([0.0, 0.0, 20.0]), torch.tensor([1.0, 0.0, 1.0])
    # Two anchors at one half, each (1/2)^2 log 2, over two that hold a line; what is certain counts nothing.
    assert focal_loss(logits, target, torch.ones(3)).item() == pytest.approx(2 * 0.25 * math.log(2) / 2)
    assert focal_loss(logits, target, torch.tensor([1.0, 0, 1])).item() == pytest.approx(0.25 * math.log(2) / 2)
    assert focal_loss(logits, torch.zeros(3), torch.zeros(3)).item() == 0


def test_a_perfect_proposal_costs_nothing_and_a_shifted_one_more() -> None:
    model, known = network(), labels()
    height, width = HEIGHT // PROPOSAL_STRIDE, WIDTH // PROPOSAL_STRIDE
    anchors = model.anchors(height, width)
    box = known.lines.boxes[0, 0]
    middle = (box[:2] + box[2:]) / 2
    # The anchor of the line's size and direction that lies nearest to it, and those that overlap it enough.
    direction = torch.tensor(DIRECTIONS).repeat_interleave(len(anchors) // 2)
    found = match(known.lines, anchors, direction, BEST)[0]
    assert (found == 0).sum() >= BEST
    assert (direction[found == 0] == 1).all()
    assert ((anchors[found == 0][:, :2] + anchors[found == 0][:, 2:]) / 2 - middle).abs().max() < 30

    def cost(logits: torch.Tensor, codes: torch.Tensor) -> float:
        model.rank = lambda _maps: (logits[None], codes[None])  # type: ignore[method-assign]
        return float(proposal_loss(model, torch.zeros(1, 4, height, width), known))

    perfect = torch.where(found == 0, CERTAIN, -CERTAIN)
    codes = encode_boxes(box.expand(len(anchors), 4), anchors)
    assert cost(perfect, codes) == pytest.approx(0, abs=1e-4)
    # Smooth L1 beyond its bend: the shift less half of the bend, in each of four numbers.
    assert cost(perfect, codes + 1.1) == pytest.approx(1.05, abs=1e-3)
    assert cost(-perfect, codes) > 5


def test_a_perfect_region_costs_nothing_and_a_blank_one_more() -> None:
    model, known = network(), labels()
    box = known.lines.boxes[:, :1]
    far = box + torch.tensor([60.0, 0, 60, 0])
    boxes, direction = torch.cat([box, far], dim=1), torch.tensor([[1.0, 1.0]])
    paint = roi_align((known.instances == 1).float(), box, (48, 64), 1)[0, :, 0]
    certain = torch.logit(paint, eps=1e-5)[None].expand(1, 2, -1, -1)

    def cost(scores: list[float], masks: torch.Tensor) -> float:
        model.look_into = lambda *_: (torch.tensor([scores]), masks)  # type: ignore[method-assign]
        return float(region_loss(model, torch.zeros(1, 4, HEIGHT // 4, WIDTH // 4), boxes, direction, known))

    perfect = cost([CERTAIN, -CERTAIN], certain)
    # Where a cell is half paint, its cross-entropy has a least value above 0.
    assert perfect < 0.5
    assert cost([CERTAIN, -CERTAIN], torch.full_like(certain, -CERTAIN)) > perfect + 1
    assert cost([-CERTAIN, -CERTAIN], certain) == pytest.approx(perfect + CERTAIN / 2, abs=0.01)
    assert cost([CERTAIN, CERTAIN], certain) == pytest.approx(perfect + CERTAIN / 2, abs=0.01)


def test_an_image_without_lines_teaches_that_there_are_none() -> None:
    model = network()
    none = Labels(
        torch.zeros(2, 1, HEIGHT, WIDTH, dtype=torch.uint8),
        torch.ones(2, 1, HEIGHT, WIDTH),
        Lines(torch.zeros(2, MOST_LINES, 4), torch.zeros(2, MOST_LINES)),
    )
    coarse, fine = model.features(torch.randn(2, 3, HEIGHT, WIDTH))
    boxes, direction = choose_regions(model, coarse, none)
    assert (boxes[..., 2:] > boxes[..., :2]).all()
    loss = proposal_loss(model, coarse, none) + region_loss(model, fine, boxes, direction, none)
    assert torch.isfinite(loss)
    loss.backward()


def test_what_is_not_known_teaches_nothing() -> None:
    model, known = network(), labels()
    none = Lines(known.lines.boxes * 0, known.lines.direction * 0)
    unknown = Labels(torch.zeros_like(known.instances), torch.zeros_like(known.weight), none)
    coarse, fine = model.features(torch.randn(1, 3, HEIGHT, WIDTH))
    assert proposal_loss(model, coarse, unknown).item() == 0
    assert region_loss(model, fine, *choose_regions(model, coarse, unknown), unknown).item() == 0


def test_every_parameter_learns_and_the_loss_falls() -> None:
    task = make_task(NETWORKS["maskrcnn"])
    assert isinstance(task, MaskRcnnTask)
    stream = TrainingStream({}, {"synthetic": 1.0}, FrameTransform(WIDTH, HEIGHT), (WIDTH, HEIGHT), (0,), task)
    mask = np.zeros((2 * HEIGHT, 2 * WIDTH), np.uint8)
    cv2.line(mask, (60, 180), (150, 20), 255, 9)
    pixels = np.where(mask[..., None] > 0, 230, 80).astype(np.uint8).repeat(3, axis=2)
    sample = Sample(pixels, mask, np.full_like(mask, 255))
    examples = [task.example(sample, stream, np.random.default_rng(seed)) for seed in range(4)]
    batch = tuple(torch.stack(part) for part in zip(*examples, strict=True))
    maps = (4, 1, HEIGHT, WIDTH)
    assert [tuple(part.shape) for part in batch] == [(4, 3, HEIGHT, WIDTH), maps, maps, (4, MOST_LINES, 5)]
    assert (batch[3][..., 4] != 0).any()
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(25):
        loss = task.loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not still
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
