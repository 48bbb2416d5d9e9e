"""Between the world and the file: windscreen, bonnet, lens, sensor, compression, burnt-in text."""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from lanes.arrays import BGRImage, Mask
from lanes.renderer.scene import Scene
from lanes.renderer.textures import MIDDLE, NOISE_SPREAD, SMOOTH, cloud_window, sensor_noise

MID_GREY = 0.42
"""Mean brightness that metering aims at."""


class Optics:
    """A scene's lens for images of one size: what does not change from frame to frame is worked out here."""

    def __init__(self, scene: Scene, width: int, height: int, rng: np.random.Generator) -> None:
        self.scene, self.lens, self.size = scene, scene.lens, (width, height)
        self.bonnet = self._bonnet(rng) if self.lens.bonnet else None
        self.veil = self._veil(rng)
        self.falloff = self._falloff() if self.lens.vignette > 0.02 else None
        self.drops = [(rng.random(), rng.random(), rng.uniform(0.004, 0.02)) for _ in range(scene.weather.drops)]

    def _falloff(self) -> BGRImage:
        """(H, W, 3): light left of 255 towards the corners."""
        width, height = self.size
        columns, rows = np.linspace(-1, 1, 64)[None], np.linspace(-1, 1, 64)[:, None] * height / width
        share = 1 - self.lens.vignette * (columns**2 + rows**2) / (1 + (height / width) ** 2)
        plane = cv2.resize((share * 255).astype(np.float32), (width, height)).astype(np.uint8)
        return np.asarray(cv2.merge([plane] * 3), np.uint8)

    def gain(self, image: BGRImage) -> float:
        """What the camera multiplies an image by: its exposure, and its metering of what it sees."""
        mean = float(np.mean(cv2.mean(image[:: max(1, image.shape[0] // 64)])[:3])) / 255
        even = float(np.clip(MID_GREY / max(mean, 0.02), 0.6, 4.0)) ** self.lens.metering
        return self.lens.exposure * float(even)

    def _tone(self, gain: float) -> NDArray[np.uint8]:
        """(1, 256, 3) lookup: exposure, contrast and colour balance. Highlights roll off rather than break off."""
        value = np.linspace(0, 1, 256)[:, None] * gain * np.asarray(self.lens.balance)
        value = np.where(value > 0.8, 0.8 + 0.2 * np.tanh((value - 0.8) / 0.2), value)
        value = 0.45 + (value - 0.45) * self.lens.contrast
        table: NDArray[np.uint8] = (np.clip(value, 0, 1) * 255).round().astype(np.uint8)[None]
        return table

    def _bonnet(self, rng: np.random.Generator) -> tuple[BGRImage, Mask]:
        """(image, mask) of the car's own bonnet or dashboard."""
        width, height = self.size
        light = max(0.15, self.scene.light.ambient)
        columns = np.linspace(-1, 1, 33)
        edge = height * (1 - self.lens.bonnet * (1 - rng.uniform(0.1, 0.8) * (columns - self.lens.bonnet_middle) ** 2))
        outline = np.stack([np.linspace(-1, width, 33), edge], axis=-1)
        mask = np.zeros((height, width), np.uint8)
        corners = np.concatenate([outline, [(width, max(height, edge[-1]) + 1), (-1, max(height, edge[0]) + 1)]])
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255.0, cv2.LINE_AA, 4)
        # Paintwork mirrors the sky, which may be far brighter than the road: most near the far edge, broken up by what else stands around.
        slope = np.clip((np.arange(height)[:, None] - edge.min()) / max(1.0, height - edge.min()), 0, 1)
        gloss = np.repeat((1 - slope) ** 2 * rng.uniform(0, 0.8), width, axis=1)
        if rng.random() < 0.5:
            around = cloud_window(rng, 64, 64, SMOOTH).astype(np.float32) / 255
            sky = np.clip((around - rng.uniform(0.4, 0.7)) * rng.uniform(3, 20), 0, 1) * rng.uniform(0.2, 1)
            gloss = np.maximum(gloss, cv2.resize(sky, (width, height)))
        body = np.asarray(self.lens.bonnet_colour) * light + gloss[:, :, None] * np.asarray(self.scene.sky.horizon)
        image = np.clip(body * 255, 0, 255).astype(np.uint8)
        # Creases, and the far edge itself, catch the light as bright and as thin as paint does.
        drops = [rng.uniform(0.1, 0.6) for _ in range(int(rng.integers(0, 3)))] + [0.02] * int(rng.random() < 0.4)
        for drop in drops:
            start, stop = np.sort(rng.integers(0, 33, 2))
            crease = np.round((outline[start : stop + 2] + np.array((0, drop * self.lens.bonnet * height))) * 16).astype(np.int32)
            shade = float(rng.uniform(0, 255) * light)
            thickness = max(1, round(rng.uniform(0.001, 0.008) * width))
            cv2.polylines(image, [crease], False, (shade, shade, shade), thickness, cv2.LINE_AA, 4)
        return image, mask

    def _veil(self, rng: np.random.Generator) -> BGRImage | None:
        """What the windscreen adds: smears in the light, the dashboard's reflection."""
        lens = self.lens
        if not lens.reflection and not lens.dirt:
            return None
        width, height = self.size
        veil = np.zeros((48, 80), np.float32)
        if lens.reflection:
            shapes = np.zeros((48, 80), np.uint8)
            for _ in range(int(rng.integers(1, 5))):
                corner = rng.integers((0, 16), (80, 48))
                cv2.rectangle(shapes, corner.tolist(), (corner + rng.integers((3, 1), (50, 14))).tolist(), float(rng.uniform(60, 255)), -1)
            veil += lens.reflection * cv2.GaussianBlur(shapes, (0, 0), 0.8)
        if lens.dirt:
            smears = cloud_window(rng, 48, 80, MIDDLE).astype(np.float32)
            veil += lens.dirt * np.clip(smears - 110, 0, 60)
        tint = np.asarray(self.scene.sky.horizon) * min(1.0, self.scene.light.ambient)
        small = cv2.merge([cv2.convertScaleAbs(veil, alpha=float(share)) for share in tint])
        return np.asarray(cv2.resize(small, (width, height)), np.uint8)

    def expose(self, image: MatLike, covered: Mask, gain: float, time_s: float) -> BGRImage:
        """The image as the camera's file has it. Draws the bonnet and the burnt-in text into `covered` too."""
        lens = self.lens
        if self.veil is not None:
            image = cv2.add(image, self.veil)
        for x, y, radius in self.drops:
            self._drop(image, x, y, radius)
        if self.bonnet is not None:
            cv2.copyTo(self.bonnet[0], self.bonnet[1], image)
            np.maximum(covered, self.bonnet[1], out=covered)
        sigma = lens.blur * self.size[0] / 1000
        if sigma > 0.15:
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        if lens.sharpen:
            image = cv2.addWeighted(image, 1 + lens.sharpen, cv2.GaussianBlur(image, (0, 0), 1.2), -lens.sharpen, 0)
        image = cv2.LUT(image, self._tone(gain))
        if lens.saturation != 1:
            grey = np.array([[0.114, 0.587, 0.299]] * 3) * (1 - lens.saturation)
            image = cv2.transform(image, grey + np.eye(3) * lens.saturation)
        image = self._sense(image, time_s)
        if lens.text:
            self._write(image, covered)
        if lens.jpeg:
            coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, lens.jpeg])[1]
            return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        return np.asarray(image, np.uint8)

    def _sense(self, image: MatLike, time_s: float) -> MatLike:
        """Vignette and noise."""
        if self.falloff is not None:
            image = cv2.multiply(image, self.falloff, scale=1 / 255)
        if self.lens.noise:
            gain = self.lens.noise / NOISE_SPREAD
            image = cv2.addWeighted(image, 1, self._noise(time_s), gain, -128 * gain)
        return image

    def _noise(self, time_s: float) -> BGRImage:
        """A stretch of noise of the image's size, another one for each moment."""
        width, height = self.size
        noise, needed = sensor_noise().reshape(-1), width * height * 3
        start = (self.scene.seed * 7919 + round(time_s * 1e6) * 104729) % len(noise)
        if start + needed > len(noise):
            noise, start = np.resize(np.concatenate([noise[start:], noise[:start]]), needed), 0
        return noise[start : start + needed].reshape(height, width, 3)

    def _drop(self, image: MatLike, x: float, y: float, radius: float) -> None:
        """A rain drop: a small upside-down, blurred image of what is behind it."""
        width, height = self.size
        size = max(1, round(radius * width))
        column, row = int(x * width), int(y * height)
        part = image[max(0, row - size) : row + size, max(0, column - size) : column + size]
        if part.size == 0:
            return
        flipped = cv2.blur(np.ascontiguousarray(part[::-1]), (3, 3))
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.ellipse(mask, (part.shape[1] // 2, part.shape[0] // 2), (part.shape[1] // 2, part.shape[0] // 2), 0, 0, 360, 255.0, -1)
        cv2.copyTo(flipped, mask, part)

    def _write(self, image: MatLike, covered: Mask) -> None:
        """Date, time, speed, as dashcams burn them in."""
        width, height = self.size
        scale = height / 700
        (text_width, text_height), _ = cv2.getTextSize(self.lens.text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        x = (width - text_width - 8) if self.scene.seed % 2 else 8
        y = text_height + 6 if self.lens.text_at_top else height - 8
        thickness = max(1, round(scale * 2))
        blue, green, red = (255 * c for c in self.lens.text_colour)
        for canvas, colour in ((image, (blue, green, red)), (covered, (255.0, 0.0, 0.0))):
            cv2.putText(canvas, self.lens.text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
