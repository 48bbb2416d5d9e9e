"""SyntheticRoad: the road renderer as a source, `synthetic://`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from lanes.capture.source import FileInfo, Source, SourceInfo
from lanes.errors import InputError
from lanes.renderer import RoadRenderer, Scene
from lanes.results import Frame

# Key: (default, least, most).
_OPTIONS: dict[str, tuple[Fraction, Fraction | int, Fraction | int]] = {
    "width": (Fraction(1280), 16, 8192),
    "height": (Fraction(720), 16, 8192),
    "fps": (Fraction(30), Fraction(1, 10), 1000),
    "seconds": (Fraction(10), Fraction(1, 1000), 86_400),
    "seed": (Fraction(0), 0, 2**32 - 1),
}
_WHOLE = {"width", "height", "seed"}

# Containers count time in 32 bits: 29.97002997 frames a second are 30000/1001.
_FINEST = 65535


class SyntheticRoad(Source):
    """A rendered drive. The same address gives the same pixels.

    Args:
        address: `synthetic://`, `synthetic://demo` or `synthetic://random`, with `?width=1280&height=720&fps=30&seconds=10&seed=0`
            or some of these. `demo` is one handsome drive; `random` draws the road, the light and the camera by the seed.

    Opening raises:
        InputError: another scene, an unknown option, or a value out of its range.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._scene = urlsplit(address).netloc or "demo"
        super().__init__(f"synthetic_{self._scene}")

    def _open(self) -> SourceInfo:
        parts = urlsplit(self._address)
        if self._scene not in ("demo", "random") or parts.path.strip("/"):
            raise InputError(f"{self._address}: there is no such scene; give synthetic://demo or synthetic://random")
        options = _options(self._address, parts.query)
        width, height, seed = (int(options[key]) for key in ("width", "height", "seed"))
        self._rate = options["fps"].limit_denominator(_FINEST)
        self._count = max(1, round(options["seconds"] * self._rate))
        scene = replace(Scene.demo(), seed=seed) if self._scene == "demo" else Scene.random(np.random.default_rng(seed))
        self._renderer = RoadRenderer(scene, width, height)
        return SourceInfo(
            name=self.name,
            kind="synthetic",
            width=width,
            height=height,
            frame_rate=self._rate,
            frames=self._count,
            time_base=1 / self._rate,
            file=FileInfo(end=self._count / self._rate),
        )

    def _frames(self) -> Iterator[Frame]:
        for index in range(self._count):
            time = index / self._rate
            if self._is_late((index + 1) / self._rate) and index + 1 < self._count:
                self._skip(1)
                continue
            yield Frame(self._renderer.render(float(time)).pixels, index, time, self.name, f"{index:06d}")


def _options(address: str, query: str) -> dict[str, Fraction]:
    options = {key: default for key, (default, _, _) in _OPTIONS.items()}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in _OPTIONS:
            raise InputError(f"{address}: unknown option {key}; there are {', '.join(_OPTIONS)}")
        _, least, most = _OPTIONS[key]
        try:
            value = Fraction(text)
        except (ValueError, ZeroDivisionError):
            value = None
        if value is None or not least <= value <= most or (key in _WHOLE and value.denominator != 1):
            number = "a whole number" if key in _WHOLE else "a number"
            raise InputError(f"{address}: {key}={text} is not possible; give {number} from {least} to {most}")
        options[key] = value
    return options
