"""What a scene is made of, as plain values.

Lengths in metres, angles in radians, colours BGR from 0 to 1 as displayed (gamma-encoded), shares from 0 to 1. Lateral positions `y`
count to the left of the road's reference line; positions `s` along the road from where time is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class LaneMarking:
    """The paint on one lane boundary.

    Attributes:
        kind: `solid`, `dashed`, `double` (two solid), `solid_dashed` (from left to right), `dashed_solid`, `double_dashed`, `dots`, `none`.
        width: of a stroke. spacing: between the centres of two strokes. dash, gap: lengths; phase: where along the road a dash begins.
        wear: share of the paint that has gone.
    """

    kind: str = "solid"
    colour: Colour = (0.9, 0.92, 0.92)
    width: float = 0.12
    spacing: float = 0.3
    dash: float = 3.0
    gap: float = 9.0
    phase: float = 0.0
    wear: float = 0.0


@dataclass(frozen=True)
class Marking:
    """Paint that is no lane line: `arrow`, `arrow_left`, `arrow_right`, `word`, `stop`, `zebra`, `diamond` or `hatch`, beginning at
    `s`, with its middle at `y`. wear: share of its brightness that has gone."""

    kind: str
    s: float
    y: float
    text: str = ""
    wear: float = 0.1


@dataclass(frozen=True)
class Surface:
    """What the carriageway is made of and what has happened to it.

    Attributes:
        colour: of clean surface. grain: contrast of the single stones. blotches: contrast of stains and unevenness.
        patches, cracks, seals: how many in a 48 m stretch (seals are tar-filled cracks, darker and smoother than the road).
        tracks: contrast of the wheel tracks, positive for polished bright ones, negative for dark ones. oil: of the dark middle strip.
        slab: length of a concrete slab, 0 for none. joints: contrast of seams along the lanes, negative for dark
            ones; `joint_offset` from the lane line. sealed: width of the wavering tar seals that joints along the lanes were closed
            with, metres, 0 for none.
    """

    colour: Colour = (0.36, 0.36, 0.36)
    grain: float = 0.06
    blotches: float = 0.1
    patches: int = 0
    cracks: int = 0
    seals: int = 0
    tracks: float = 0.05
    oil: float = 0.03
    slab: float = 0.0
    joints: float = 0.0
    joint_offset: float = 0.1
    sealed: float = 0.0


@dataclass(frozen=True)
class Side:
    """What lies beside the marked lanes on one side.

    Attributes:
        shoulder: paved width beyond the last line; shoulder_shade: its brightness against the carriageway.
        kerb: width of a kerb stone, 0 for none. verge: colour of what follows (grass, sand, snow), verge_width wide; then comes `beyond`.
        rail: `none`, `guardrail`, `barrier`, `wall`, `hedge`, `fence`; rail_gap behind the shoulder's edge.
        trees, houses, poles: how densely they stand, 0 to 1.
    """

    shoulder: float = 0.5
    shoulder_shade: float = 1.0
    kerb: float = 0.0
    kerb_colour: Colour = (0.6, 0.6, 0.6)
    verge: Colour = (0.2, 0.38, 0.3)
    verge_width: float = 4.0
    beyond: Colour = (0.2, 0.4, 0.3)
    rail: str = "none"
    rail_gap: float = 0.6
    rail_colour: Colour = (0.6, 0.6, 0.6)
    trees: float = 0.0
    houses: float = 0.0
    poles: float = 0.0


@dataclass(frozen=True)
class Light:
    """Where the light comes from.

    Attributes:
        ambient: brightness of the ground under the sky, 1 by day. tint: colour of the light.
        headlights: strength of the camera car's own, 0 to 1. lamps: strength of street lamps.
        shadow: how much of the light shadows take, 0 to 1; tree_shade: how much of the road lies under trees; bridge: `s` of a bridge
            and its shadow, None for none.
        edge_shade: width of the strip at the pavement's edge that lies in the shadow of a wall or a hedge, positive at the left edge,
            negative at the right one.
        sun: (azimuth, elevation) of a sun in view, or None; glare: how far it bleaches the image.
    """

    ambient: float = 1.0
    tint: Colour = (1.0, 1.0, 1.0)
    headlights: float = 0.0
    lamps: float = 0.0
    shadow: float = 0.5
    tree_shade: float = 0.0
    bridge: float | None = None
    edge_shade: float = 0.0
    sun: tuple[float, float] | None = None
    glare: float = 0.0


@dataclass(frozen=True)
class Weather:
    """Wetness of the road (0 to 1), meteorological visibility in metres, drops on the windscreen (count)."""

    wet: float = 0.0
    visibility: float = 10000.0
    drops: int = 0


@dataclass(frozen=True)
class Sky:
    """Colours at the zenith and the horizon, share of cloud and its brightness, and what stands along the horizon.

    `skyline` is `hills`, `trees`, `city` or `none`; its height is in radians above the horizon.
    """

    zenith: Colour = (0.85, 0.6, 0.35)
    horizon: Colour = (0.95, 0.88, 0.8)
    clouds: float = 0.3
    cloud_shade: float = 0.95
    skyline: str = "trees"
    skyline_height: float = 0.05
    skyline_colour: Colour = (0.2, 0.3, 0.22)


@dataclass(frozen=True)
class Vehicle:
    """Another road user: `car`, `van`, `truck` or `motorbike`; `s` at time 0, `y` of its middle, speed in m/s, negative when
    it comes towards us. gloss: how brightly the creases of its body mirror the sky, 0 to 1."""

    kind: str
    s: float
    y: float
    speed: float = 25.0
    colour: Colour = (0.4, 0.4, 0.4)
    braking: bool = False
    gloss: float = 0.0


@dataclass(frozen=True)
class LaneChange:
    """The camera's car moves over by one lane, `left` or `right`, from `start_s` on within `duration_s` seconds."""

    start_s: float
    direction: Literal["left", "right"]
    duration_s: float = 5.0

    @property
    def steps_left(self) -> int:
        """Lanes moved to the left: 1 or -1."""
        return 1 if self.direction == "left" else -1


@dataclass(frozen=True)
class Lens:
    """What the windscreen, the lens and the sensor do to the image.

    Attributes:
        exposure, contrast, saturation: 1 is neutral; balance: gain of blue, green and red.
        metering: how far the camera evens out an image that is too dark or too bright, 0 (not at all) to 1 (fully).
        blur: standard deviation, in thousandths of the image's width; sharpen: strength of the halo that cheap cameras put on edges.
        noise: standard deviation at mid grey, of 255; vignette: share of light lost in the corners; jpeg: quality, 0 for none.
        bonnet: share of the height that the car's own bonnet takes at the bottom; bonnet_middle: where it is highest, -1 (left edge)
            to 1; bonnet_colour.
        reflection: strength of the dashboard's reflection in the windscreen; dirt: of smears on it; text: burnt in, empty for none.
    """

    exposure: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    balance: Colour = (1.0, 1.0, 1.0)
    metering: float = 0.0
    blur: float = 0.6
    sharpen: float = 0.0
    noise: float = 2.0
    vignette: float = 0.15
    jpeg: int = 0
    bonnet: float = 0.0
    bonnet_middle: float = 0.0
    bonnet_colour: Colour = (0.1, 0.1, 0.1)
    reflection: float = 0.0
    dirt: float = 0.0
    text: str = ""
    text_colour: Colour = (1.0, 1.0, 1.0)
    text_at_top: bool = False


def haze(visibility: float) -> float:
    """Extinction per metre: at the meteorological visibility 5 % of the contrast are left (Koschmieder)."""
    return 3.0 / visibility


def dim(colour: Colour, factor: float) -> Colour:
    """A colour in another light."""
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)
