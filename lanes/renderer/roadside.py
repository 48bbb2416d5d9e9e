"""What stands beside the road: trees, houses, poles and signs, and bridges across it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.renderer.canvas import Canvas
from lanes.renderer.elements import Colour, dim, haze
from lanes.renderer.rails import draw_rail
from lanes.renderer.scene import BRIDGE_WIDTH, Scene
from lanes.renderer.sprites import trees

SLOTS = 64
"""Places along the road after which what stands there repeats."""
SPACING = {"houses": 16.0, "trees": 9.0, "poles": 28.0}
NEAREST = {"houses": 2.5, "trees": 3.0, "poles": 6.0}
FARTHEST = 140.0
SIGNS: tuple[Colour, ...] = ((0.85, 0.88, 0.9), (0.6, 0.3, 0.1), (0.3, 0.45, 0.12), (0.1, 0.75, 0.9), (0.15, 0.15, 0.75))
Dice = NDArray[np.float64]
Drawing = tuple[float, Callable[[], None]]
"""A distance, and what draws the thing that stands there."""


class Roadside:
    """The scatter of a scene's roadside: the same thing stands at the same place whenever the camera comes by."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        self.dice = {(sign, kind): rng.random((SLOTS, 6)) for sign in (1, -1) for kind in SPACING}
        self.species = int(rng.integers(5)) if rng.random() < 0.5 else -1
        self.alight = rng.random(256) < 0.35

    def draw(self, canvas: Canvas, travelled: float) -> None:
        """Draw both sides, from far to near, into the canvas."""
        drawings: list[Drawing] = []
        for sign, side in ((1, self.scene.left), (-1, self.scene.right)):
            for kind, density, make in (
                ("houses", side.houses, self._houses),
                ("trees", side.trees, self._trees),
                ("poles", side.poles, self._poles),
            ):
                if density:
                    s, dice = self._ahead(canvas, sign, kind, density, travelled)
                    drawings += make(canvas, s, sign, dice)
        for _, draw in sorted(drawings, key=lambda drawing: -drawing[0]):
            draw()
        bridge = self.scene.bridge_ahead(travelled)
        if bridge is not None:
            self._bridge(canvas, bridge)
        for sign, side in ((1, self.scene.left), (-1, self.scene.right)):
            if side.rail != "none":
                draw_rail(canvas, side, self._edge(sign) + sign * side.rail_gap, travelled)

    def _edge(self, sign: int) -> float:
        """Where the pavement ends."""
        return self.scene.paved[1] + self.scene.left.kerb if sign > 0 else self.scene.paved[0] - self.scene.right.kerb

    def _ahead(self, canvas: Canvas, sign: int, kind: str, density: float, travelled: float) -> tuple[NDArray[np.float64], Dice]:
        """(n,) distances and (n, 6) dice of what stands ahead on one side."""
        spacing = SPACING[kind]
        slots = int(travelled // spacing) + np.arange(int(FARTHEST / spacing) + 1)
        dice = self.dice[sign, kind][slots % SLOTS]
        s = slots * spacing + dice[:, 1] * spacing * (0.6 if kind == "trees" else 0.1) - travelled
        there = (dice[:, 0] < density) & (s > NEAREST[kind]) & ~canvas.road.hidden(s, canvas.camera)
        return s[there], dice[there]

    def _trees(self, canvas: Canvas, s: NDArray[np.float64], sign: int, dice: Dice) -> Iterator[Drawing]:
        feet = canvas.project(s, self._edge(sign) + sign * (2.5 + 9 * dice[:, 2]), -0.1)
        bank = trees()
        clear = np.exp(-haze(self.scene.weather.visibility) * s)
        veils = 255 * (1 - clear) * float(np.mean(self.scene.sky.horizon))
        gains = (canvas.light + 0.3 * self.scene.light.headlights * np.exp(-s / 20)) * clear * (0.7 + 0.6 * dice[:, 5])
        sizes = (4 + 9 * dice[:, 3]) * canvas.camera.fx / s
        for distance, foot, size, gain, veil, roll in zip(s, feet, sizes, gains, veils, dice[:, 4], strict=True):
            index = int(roll * len(bank))
            sprite = bank[index if self.species < 0 else index // 5 * 5 + self.species]

            def draw(
                sprite: tuple[BGRImage, Mask] = sprite,
                foot: NDArray[np.float64] = foot,
                size: float = size,
                gain: float = gain,
                veil: float = veil,
                mirror: bool = bool(roll * 97 % 1 > 0.5),
            ) -> None:
                canvas.stamp(sprite, foot, size, gain, veil, mirror)

            if np.all(np.isfinite(foot)):
                yield float(distance), draw

    def _poles(self, canvas: Canvas, s: NDArray[np.float64], sign: int, dice: Dice) -> Iterator[Drawing]:
        for distance, roll in zip(s.tolist(), dice, strict=True):
            yield distance, lambda distance=distance, roll=roll: self._pole(canvas, distance, sign, roll)  # type: ignore[misc]

    def _pole(self, canvas: Canvas, s: float, sign: int, roll: Dice) -> None:
        """A lamp post, a bare pole or a sign."""
        y = self._edge(sign) + sign * (0.6 + 1.5 * roll[2])
        tall, arm, grey = 5 + 4 * roll[3], y - sign * 1.8, 0.25 + 0.4 * roll[4]
        lamp = roll[5] > 0.4
        path = canvas.project(s, [y, y, arm], [-0.1, tall, tall + 0.3])
        canvas.lines([path if lamp else path[:2]], canvas.seen((grey, grey, grey), s), 0.14 * canvas.camera.fx / s)
        if lamp and self.scene.light.lamps:
            canvas.glow(s, arm, tall + 0.3, (0.6, 0.85, 1.0), 1.2)
        if roll[5] < 0.3:
            half = 0.3 + 0.5 * roll[4]
            corners = canvas.project(s, [y + half, y - half, y - half, y + half], [2.2, 2.2, 2.2 + 1.4 * half, 2.2 + 1.4 * half])
            canvas.fill([corners], canvas.seen(SIGNS[int(roll[1] * 5)], s))

    def _houses(self, canvas: Canvas, s: NDArray[np.float64], sign: int, dice: Dice) -> Iterator[Drawing]:
        for distance, roll in zip(s.tolist(), dice, strict=True):
            yield distance, lambda distance=distance, roll=roll: self._house(canvas, distance, sign, roll)  # type: ignore[misc]

    def _house(self, canvas: Canvas, s: float, sign: int, roll: Dice) -> None:
        """A front along the road and a gable across it, with rows of windows."""
        y = self._edge(sign) + sign * (3.0 + 4 * roll[2])
        back, far, tall = y + sign * 9, s + 15.0, 4 + 14 * roll[3] ** 2
        grey, warmth = 0.28 + 0.4 * roll[4], 0.1 * roll[5]
        colour: Colour = (grey * (0.95 - warmth), grey, grey * (1.05 + 1.5 * warmth))
        starts, floors = (
            grid.ravel() for grid in np.meshgrid(s + np.arange(1.2, 13.5, 3.1), np.arange(1.0, tall - 1.8, 3.0), indexing="ij")
        )
        wide, high = 0.9 + 1.1 * roll[1], 1.2 + 0.9 * roll[5]
        # Front, gable, and a pane for each window, all at once.
        along = np.concatenate([[[s, far, far, s], [s] * 4], np.stack([starts, starts + wide, starts + wide, starts], axis=-1)])
        across = np.full(along.shape, y)
        across[1] = y, back, back, y
        up = np.concatenate([[[0, 0, tall, tall]] * 2, np.stack([floors, floors, floors + high, floors + high], axis=-1)])
        pixels = canvas.project(along, across, up)
        canvas.fill(pixels[1:2], canvas.seen(dim(colour, 0.7), s))
        canvas.fill(pixels[:1], canvas.seen(colour, s))
        panes = pixels[2:]
        lit = self.alight[(np.arange(len(panes)) + int(roll[0] * 200)) % len(self.alight)] & (canvas.light < 0.4)
        canvas.fill(panes[~lit], canvas.seen((0.2, 0.17, 0.15), s))
        canvas.fill(panes[lit], canvas.seen((0.45, 0.75, 0.9), s, 0.8))

    def _bridge(self, canvas: Canvas, s: float) -> None:
        """A bridge over the road: its underside, its front, its piers."""
        near, far = max(s, 1.5), s + BRIDGE_WIDTH
        if far < 2.0 or s > 220:
            return
        right, left = self._edge(-1) - 1.0, self._edge(1) + 1.0
        for at in (far - 1, s + 1):
            for y in (right, left):
                if at > 2:
                    canvas.fill(
                        [canvas.project(at, [y - 0.5, y + 0.5, y + 0.5, y - 0.5], [0, 0, 5.2, 5.2])], canvas.seen((0.35, 0.36, 0.37), at)
                    )
        across = np.array([left + 60, right - 60, right - 60, left + 60])
        canvas.fill([canvas.project([near, near, far, far], across, 5.2)], canvas.seen((0.2, 0.2, 0.2), near, 0.4 * canvas.light))
        if s > 1.5:
            canvas.fill([canvas.project(s, across, [5.2, 5.2, 6.8, 6.8])], canvas.seen((0.5, 0.52, 0.53), s))
