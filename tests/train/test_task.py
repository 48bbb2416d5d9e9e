"""What the networks of the ladder learn from, and what they are to make small, on cases made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
from torch import Tensor  # noqa: E402

from lanes.models import NETWORKS  # noqa: E402
from lanes.models.build import build_network  # noqa: E402
from lanes.models.fcn_pooled import PooledFCN  # noqa: E402
from lanes.models.layers import RARE  # noqa: E402
from lanes.models.patch import PatchClassifier  # noqa: E402
from lanes.train.loss import entropy_loss  # noqa: E402
from lanes.train.patches import PATCHES, PatchTask, choose_pixels  # noqa: E402
from lanes.train.pooled import PooledTask  # noqa: E402
from lanes.train.task import Task, make_task  # noqa: E402


def batch(mask: Tensor, known: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """A grey image with a mask, (H, W) bool, as loaders give them."""
    target = 255 * mask.to(torch.uint8)[None, None]
    weight = torch.full_like(target, 255) if known is None else 255 * known.to(torch.uint8)[None, None]
    return torch.full((1, 3, *mask.shape), 128, dtype=torch.uint8), target, weight


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_a_task_whose_loss_teaches_it(name: str) -> None:
    if NETWORKS[name].size[0] > 512:
        pytest.skip("tried on a small one in test_train.py")
    network = build_network(NETWORKS[name].config)
    task = make_task(NETWORKS[name])
    stream = np.random.default_rng(0)
    if type(task).example is not Task.example:
        pytest.skip("has examples of its own, and tests of its own")
    mask = torch.from_numpy(stream.random((32, 64)) < 0.1)
    loss = task.loss(network, batch(mask))
    assert loss.ndim == 0
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_cross_entropy_is_a_mean_over_what_is_known() -> None:
    logits = torch.tensor([[[[0.0, 2.0, -3.0, 50.0]]]])
    target = torch.tensor([[[[1.0, 0.0, 0.25, 0.0]]]])
    weight = torch.tensor([[[[1.0, 1.0, 0.5, 0.0]]]])
    by_hand = math.log(2) + math.log(1 + math.exp(2)) + 0.5 * (0.25 * math.log(1 + math.exp(3)) + 0.75 * math.log(1 + math.exp(-3)))
    assert float(entropy_loss(logits, target, weight)) == pytest.approx(by_hand / 2.5, rel=1e-5)
    assert float(entropy_loss(logits, target, torch.zeros_like(weight))) == 0


def test_half_of_the_patches_are_of_paint_and_none_of_what_is_not_known() -> None:
    mask, known = torch.zeros(20, 30), torch.ones(20, 30)
    mask[5, 7], mask[6] = 1, 1
    known[6], known[10:] = 0, 0
    rows, columns = choose_pixels(mask, known)
    painted = mask[rows, columns] > 0
    assert int(painted.sum()) == PATCHES // 2
    assert set(zip(rows[painted].tolist(), columns[painted].tolist(), strict=True)) == {(5, 7)}
    assert bool((known[rows, columns] > 0).all())
    assert [len(choose_pixels(torch.full((4, 4), paint), torch.ones(4, 4))[0]) for paint in (0.0, 1.0)] == [PATCHES, PATCHES]
    assert len(choose_pixels(mask, torch.zeros(20, 30))[0]) == 0


def test_the_patches_that_are_classified_are_those_around_their_pixels() -> None:
    """A network that says the colour of the middle is right about a mask that is the colour."""
    network = PatchClassifier((2, 2, 2))
    mask = torch.rand(40, 50) < 0.3
    pixels, target, weight = batch(mask)
    pixels = torch.where(mask, 255, 0).to(torch.uint8).expand(1, 3, -1, -1)
    network.classify = lambda patches: 40 * patches[:, :1, 18, 18] + RARE  # type: ignore[method-assign]
    assert float(PatchTask(entropy_loss).loss(network, (pixels, target, weight))) < 1e-3


def test_balanced_patches_do_not_change_what_the_probability_means() -> None:
    """One who has learnt nothing but that paint is rare says, of patches half of which are paint, one half."""
    mask = torch.zeros(40, 50, dtype=torch.bool)
    mask[20] = True
    loss = PatchTask(entropy_loss).loss(PatchClassifier((2, 2, 2)), batch(mask))
    assert float(loss) == pytest.approx(math.log(2), rel=1e-5)


def test_a_small_output_is_taught_the_share_of_paint_in_what_is_known() -> None:
    network = PooledFCN((2, 2), convolutions=1)
    mask, known = torch.zeros(2, 4, dtype=torch.bool), torch.ones(2, 4, dtype=torch.bool)
    mask[0, 0] = mask[0, 2] = True
    known[1, 2:] = False  # of the second element, half is known, of which half is paint
    logit = float(network.small(torch.zeros(1, 3, 2, 4))[0, 0, 0, 0].detach())
    entropy = [-share * math.log(1 / (1 + math.exp(-logit))) - (1 - share) * math.log(1 / (1 + math.exp(logit))) for share in (0.25, 0.5)]
    by_hand = (entropy[0] + 0.5 * entropy[1]) / 1.5
    assert float(PooledTask(entropy_loss).loss(network, batch(mask, known))) == pytest.approx(by_hand, rel=1e-4)
