"""The palette: boundaries stay apart to every eye, and none looks like a warning."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lanes.draw.theme import BOUNDARIES, WARNING, Colour, colour_of

# Machado, Oliveira and Fernandes 2009, severity 1.0, linear RGB.
EYES = {
    "any": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


def seen(colours: list[Colour], eye: NDArray[np.float64]) -> NDArray[np.float32]:
    """CIELAB of the colours as this eye sees them."""
    rgb = np.array(colours)[:, ::-1] / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ eye.T
    linear = np.clip(linear, 0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    lab: NDArray[np.float32] = cv2.cvtColor(shown[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]  # type: ignore[assignment]
    return lab


@pytest.mark.parametrize("eye", EYES)
def test_boundaries_stay_apart(eye: str) -> None:
    lab = seen(list(BOUNDARIES), EYES[eye])
    assert min(np.linalg.norm(one - other) for one, other in combinations(lab, 2)) > 18
    neighbours = zip(lab, np.roll(lab, -1, axis=0), strict=True)
    assert min(np.linalg.norm(one - other) for one, other in neighbours) > 23


@pytest.mark.parametrize("eye", EYES)
def test_none_looks_like_a_warning(eye: str) -> None:
    *lab, warning = seen([*BOUNDARIES, WARNING], EYES[eye])
    assert min(np.linalg.norm(each - warning) for each in lab) > 18


def test_ids_take_the_colours_in_turn() -> None:
    assert len({colour_of(number) for number in range(1, 1 + len(BOUNDARIES))}) == len(BOUNDARIES)
    assert colour_of(3) == colour_of(3 + len(BOUNDARIES))
