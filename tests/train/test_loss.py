"""The loss on small cases made by hand, and the laws that hold for any labels and weights."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")

from lanes.data.labels import GUESSED_WIDTH_WEIGHT  # noqa: E402
from lanes.train.loss import lane_loss  # noqa: E402

PIXELS = st.lists(st.tuples(st.floats(-12, 12), st.booleans(), st.floats(0, 1)), min_size=1, max_size=24)
"""Logit, whether there is paint, and weight of each pixel."""


def maps(*rows: list[float]) -> torch.Tensor:
    """A (1, 1, H, W) map."""
    return torch.tensor(rows)[None, None]


def test_a_perfect_and_certain_prediction_costs_nothing() -> None:
    target = maps([0.0, 1.0, 1.0], [0.0, 0.0, 1.0])
    assert lane_loss((target - 0.5) * 80, target, torch.ones_like(target)).item() == pytest.approx(0, abs=1e-6)


def test_what_the_label_does_not_know_costs_nothing_and_moves_nothing() -> None:
    target, weight = maps([0.0, 1.0]), maps([1.0, 0.0])
    logits = maps([-40.0, -40.0]).requires_grad_()
    lane_loss(logits, target, weight).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0, 0, 1].item() == 0


def test_an_undecided_prediction_costs_what_theory_says() -> None:
    """At probability 1/2 everywhere: 4 ln 2 of cross-entropy, and Dice 1 - (2 * 1/2 + 1) / (1 + 1 + 1) with one of two pixels true."""
    loss = lane_loss(maps([0.0, 0.0]), maps([0.0, 1.0]), torch.ones(1, 1, 1, 2))
    assert loss.item() == pytest.approx(4 * torch.log(torch.tensor(2.0)).item() + 1 - 2 / 3, rel=1e-6)


def test_a_worse_prediction_costs_more() -> None:
    target, weight = maps([0.0, 1.0, 0.0]), torch.ones(1, 1, 1, 3)
    costs = [lane_loss((target - 0.5) * certainty, target, weight).item() for certainty in (8, 2, 0, -2, -8)]
    assert costs == sorted(costs)


@given(PIXELS)
def test_a_perfect_prediction_costs_nothing_whatever_the_weights(pixels: list[tuple[float, bool, float]]) -> None:
    target = maps([float(paint) for _, paint, _ in pixels])
    weight = maps([weight for _, _, weight in pixels])
    assert lane_loss((target - 0.5) * 80, target, weight).item() == pytest.approx(0, abs=1e-5)


@given(PIXELS, st.integers(0, 3000))
@example([(9.0, True, 1.0)] * 9 + [(0.0, True, 0.3)], 1000)
def test_a_step_down_the_gradient_never_leads_away_from_a_label(pixels: list[tuple[float, bool, float]], road: int) -> None:
    """However sure the other pixels are, however little this one counts, and however much road is around."""
    pixels = [*pixels, *[(-12.0, False, 1.0)] * road]
    logits = maps([logit for logit, _, _ in pixels]).double().requires_grad_()
    target = maps([float(paint) for _, paint, _ in pixels]).double()
    weight = maps([weight for _, _, weight in pixels]).double()
    lane_loss(logits, target, weight).backward()
    assert logits.grad is not None
    towards_paint = -logits.grad
    assert (towards_paint[target > 0] >= 0).all()
    assert (towards_paint[target == 0] <= 0).all()


def test_paint_of_guessed_width_is_learnt_among_sure_paint() -> None:
    """Seven sure examples and one of guessed width, as free logits: the optimum has paint in all of them."""
    target = torch.zeros(8, 1, 10, 100)
    target[:, :, :, 4] = 1
    weight = torch.ones_like(target)
    weight[7][target[7] > 0] = GUESSED_WIDTH_WEIGHT
    logits = torch.full_like(target, -2.0).requires_grad_()
    optimiser = torch.optim.Adam([logits], 0.05)
    for _ in range(400):
        optimiser.zero_grad()
        lane_loss(logits, target, weight).backward()
        optimiser.step()
    probability = torch.sigmoid(logits.detach())
    assert probability[7][target[7] > 0].min() > 0.95
    assert probability[target == 0].max() < 0.05
