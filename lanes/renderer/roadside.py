"""What stands beside the road: rails, barriers, walls, hedges, poles, signs, trees, houses, and bridges across it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lanes.renderer.canvas import BYTE, Canvas
from lanes.renderer.scene import Colour, Scene, Side, haze
from lanes.renderer.sprites import trees
from lanes.renderer.textures import NOISE_SIZE, cloud

SLOTS = 64
"""Places along the road after which what stands there repeats."""
RAIL_FRACTIONS = np.geomspace(1.2, 260, 44)


class Roadside:
    """The scatter of a scene's roadside: the same thing stands at the same place whenever the camera comes by."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        self.dice = {sign: rng.random((SLOTS, 8)) for sign in (1, -1)}
        self.leaf = int(rng.integers(5)) if rng.random() < 0.5 else -1

    def draw(self, canvas: Canvas, travelled: float) -> None:
        """Draw both sides, from far to near, into the canvas."""
        things: list[tuple[float, int, str, NDArray[np.float64]]] = []
        for sign, side in ((1, self.scene.left), (-1, self.scene.right)):
            for kind, density, spacing, reach in (("house", side.buildings, 16.0, 140.0), ("tree", side.trees, 9.0, 130.0), ("pole", side.poles, 28.0, 160.0)):
                if density:
                    things += self._standing(sign, kind, density, spacing, reach, travelled)
        for s, sign, kind, dice in sorted(things, key=lambda thing: -thing[0]):
            if not canvas.road.hidden(s, canvas.camera):
                {"house": self._house, "tree": self._tree, "pole": self._pole}[kind](canvas, s, sign, dice)
        if self.scene.light.bridge is not None:
            self._bridge(canvas, self.scene.light.bridge - travelled)
        for sign, side in ((1, self.scene.left), (-1, self.scene.right)):
            if side.rail != "none":
                _rail(canvas, side, self._edge(sign) + sign * side.rail_gap, travelled)

    def _edge(self, sign: int) -> float:
        """Where the pavement ends."""
        return self.scene.paved[1] + self.scene.left.kerb if sign > 0 else self.scene.paved[0] - self.scene.right.kerb

    def _standing(
        self, sign: int, kind: str, density: float, spacing: float, reach: float, travelled: float
    ) -> list[tuple[float, int, str, NDArray[np.float64]]]:
        """(s, side, kind, dice) of what stands ahead on one side."""
        first = int(np.floor(travelled / spacing)) + 1
        column = {"house": 0, "tree": 1, "pole": 2}[kind]
        found = []
        for slot in range(first, first + int(reach / spacing)):
            dice = self.dice[sign][slot % SLOTS]
            share = (dice[column] + 0.37 * column) % 1.0
            s = slot * spacing + (dice[3] - 0.5) * spacing * (0.6 if kind == "tree" else 0.1) - travelled
            if share < density and s > 3.0:
                found.append((s, sign, kind, np.roll(dice, slot // SLOTS)))
        return found

    def _tree(self, canvas: Canvas, s: float, sign: int, dice: NDArray[np.float64]) -> None:
        y = self._edge(sign) + sign * (2.5 + 9 * dice[4])
        tall = 4 + 9 * dice[5]
        foot = canvas.project(s, y, -0.1)
        if not np.all(np.isfinite(foot)):
            return
        bank = trees()
        index = int(dice[6] * len(bank))
        if self.leaf >= 0:
            index = index // 5 * 5 + self.leaf
        clear = float(np.exp(-haze(canvas.scene.weather.visibility) * s))
        veil = 255 * (1 - clear) * float(np.mean(canvas.scene.sky.horizon))
        light = canvas.light + 0.3 * canvas.scene.light.headlights * float(np.exp(-s / 20))
        canvas.stamp(bank[index], foot, tall * canvas.camera.focal / s, light * clear * (0.7 + 0.7 * dice[7]), veil, bool(dice[3] > 0.5))

    def _pole(self, canvas: Canvas, s: float, sign: int, dice: NDArray[np.float64]) -> None:
        y = self._edge(sign) + sign * (0.6 + 1.5 * dice[4])
        tall = 5 + 4 * dice[5]
        grey = 0.25 + 0.4 * dice[6]
        colour = canvas.seen((grey, grey, grey), s)
        arm = y - sign * 1.8
        path = canvas.project(s, [y, y, arm], [-0.1, tall, tall + 0.3])
        canvas.lines([path if dice[7] > 0.4 else path[:2]], colour, 0.14 * canvas.camera.focal / s)
        if dice[7] > 0.4 and canvas.scene.light.lamps:
            canvas.glow(s, arm, tall + 0.3, (0.6, 0.85, 1.0), 1.2)
        if dice[7] < 0.3:
            plate = ((0.85, 0.88, 0.9), (0.6, 0.3, 0.1), (0.3, 0.45, 0.12), (0.1, 0.75, 0.9), (0.15, 0.15, 0.75))[int(dice[3] * 5)]
            half = 0.3 + 0.5 * dice[6]
            corners = canvas.project(s, [y + half, y - half, y - half, y + half], [2.2, 2.2, 2.2 + 1.4 * half, 2.2 + 1.4 * half])
            canvas.fill([corners], canvas.seen(plate, s))

    def _house(self, canvas: Canvas, s: float, sign: int, dice: NDArray[np.float64]) -> None:
        """A front along the road and a gable across it, with rows of windows."""
        y = self._edge(sign) + sign * (3.0 + 4 * dice[4])
        near, far, tall = s, s + 15.0, 4 + 14 * dice[5] ** 2
        base = np.array([0.35, 0.4, 0.45]) * (0.7 + 0.9 * dice[6]) + np.array([0.0, -0.04, -0.12]) * dice[7]
        colour: Colour = (float(base[0]), float(base[1]), float(base[2]))
        back = y + sign * 9
        front = canvas.project([near, far, far, near], y, [0, 0, tall, tall])
        gable = canvas.project(near, [y, back, back, y], [0, 0, tall, tall])
        canvas.fill([gable], canvas.seen((colour[0] * 0.7, colour[1] * 0.7, colour[2] * 0.7), s))
        canvas.fill([front], canvas.seen(colour, s))
        starts, floors = np.meshgrid(near + np.arange(1.2, 13.5, 3.1), np.arange(1.0, tall - 1.8, 3.0), indexing="ij")
        starts, floors = starts.ravel(), floors.ravel()
        panes = canvas.project(np.stack([starts, starts + 1.5, starts + 1.5, starts]), y, np.stack([floors, floors, floors + 1.6, floors + 1.6])).swapaxes(0, 1)
        night = canvas.light < 0.4
        lit = np.random.default_rng(int(dice[0] * 1e6)).random(len(starts)) < (0.35 if night else 0.0)
        canvas.fill(list(panes[~lit]), canvas.seen((0.2, 0.17, 0.15), s))
        canvas.fill(list(panes[lit]), canvas.seen((0.45, 0.75, 0.9), s, 0.8))

    def _bridge(self, canvas: Canvas, s: float) -> None:
        """A bridge over the road: its underside, its front, its piers."""
        near, far = max(s, 1.5), s + 14.0
        if far < 2.0 or s > 220:
            return
        right, left = self._edge(-1) - 1.0, self._edge(1) + 1.0
        for y in (right, left):
            for at in (far - 1, near + 1):
                if at > 2:
                    canvas.fill([canvas.project(at, [y - 0.5, y + 0.5, y + 0.5, y - 0.5], [0, 0, 5.2, 5.2])], canvas.seen((0.35, 0.36, 0.37), at))
        canvas.fill([canvas.project([near, near, far, far], [left + 20, right - 20, right - 20, left + 20], 5.2)], canvas.seen((0.2, 0.2, 0.2), near, 0.4 * canvas.light))
        if s > 1.5:
            canvas.fill([canvas.project(s, [left + 20, right - 20, right - 20, left + 20], [5.2, 5.2, 6.8, 6.8])], canvas.seen((0.5, 0.52, 0.53), s))


RAILS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "guardrail": ((0.45, 0.55, 0.75), (0.55, 0.65, 1.15), (0.65, 0.75, 0.85)),
    "barrier": ((0.0, 0.3, 0.8), (0.3, 0.8, 1.05), (0.8, 0.85, 1.3)),
    "wall": ((0.0, 0.5, 0.7), (0.5, 2.2, 0.9), (2.2, 2.4, 1.1)),
    "hedge": ((0.0, 1.3, 1.0),),
    "fence": ((0.3, 0.36, 0.9), (0.9, 0.98, 1.0)),
}
"""Bottom, top and brightness of the bands that a rail is made of."""


def _rail(canvas: Canvas, side: Side, y: float, travelled: float) -> None:
    """A band structure along the road, in stretches from far to near, each in its own light."""
    s = RAIL_FRACTIONS
    colour = (0.15, 0.28, 0.2) if side.rail == "hedge" else side.rail_colour
    spacing = {"guardrail": 4.0, "fence": 2.5, "barrier": 6.0, "wall": 5.0, "hedge": 0.0}[side.rail]
    hidden = canvas.road.hidden(s, canvas.camera)
    reach = int(np.argmax(hidden)) if hidden.any() else len(s)
    before = canvas.covered.copy() if side.rail == "hedge" else None
    for low, high, shade in RAILS[side.rail]:
        edges = canvas.project(s[:, None], y, np.array([low, high]))
        for start in range(reach - 5, -4, -4):
            first, last = max(0, start), min(reach, max(0, start) + 5)
            if start + 4 > 0 and last - first > 1:
                outline = np.concatenate([edges[first:last, 0], edges[first:last, 1][::-1]])
                canvas.fill([outline], canvas.seen((colour[0] * shade, colour[1] * shade, colour[2] * shade), float(s[first])))
    if before is not None:
        _roughen(canvas.picture, cv2.absdiff(canvas.covered, before))
    if spacing:
        posts = spacing - travelled % spacing + spacing * np.arange(14)
        posts = posts[posts > 1.5]
        low, high = (0.0, 0.6) if side.rail == "guardrail" else (0.0, 1.0 if side.rail == "fence" else RAILS[side.rail][-1][1])
        ends = canvas.project(posts[:, None], y, np.array([low, high]))
        for s_, end in zip(posts[::-1], ends[::-1], strict=True):
            solid = side.rail in ("guardrail", "fence")
            canvas.lines([end], canvas.seen((0.4, 0.4, 0.4) if solid else (colour[0] * 0.6, colour[1] * 0.6, colour[2] * 0.6), float(s_)), (0.1 if solid else 0.02) * canvas.camera.focal / s_)


def _roughen(picture: BYTE, mask: BYTE) -> None:
    """Give leaves to a hedge."""
    height, width = mask.shape
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows) or height > NOISE_SIZE or width > NOISE_SIZE * 2:
        return
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    leaves = cloud(0.7, 0)[box]
    rough = cv2.multiply(picture[box], cv2.merge([leaves] * 3), scale=1 / 110)
    cv2.copyTo(rough, mask[box], picture[box])
