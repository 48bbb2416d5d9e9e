"""Random conditions: light, sky and lens."""

from __future__ import annotations

import numpy as np

from lanes.renderer.draws import Rng, chance, jitter, pick
from lanes.renderer.elements import Lens, Light, Sky
from lanes.renderer.random_traffic import VEHICLE_COLOURS


def random_light(rng: Rng, hour: str, setting: str) -> Light:
    """The light of an hour (`day`, `dusk`, `night`) in a setting (`highway`, `country`, `city`)."""
    if hour == "night":
        warm = float(rng.uniform(0, 0.45))
        return Light(
            ambient=float(rng.uniform(0.04, 0.2)),
            tint=(1 - warm, 1 - warm / 3, 1.0),
            headlights=float(rng.uniform(0.3, 1.0)),
            lamps=float(rng.uniform(0.1, 0.55)) if chance(rng, 0.6 if setting == "city" else 0.3) else 0.0,
            shadow=0.0,
        )
    if hour == "dusk":
        warm = float(rng.uniform(-0.1, 0.3))
        return Light(
            ambient=float(rng.uniform(0.15, 0.7)),
            tint=(1 - warm, 1 - warm / 3, 1.0),
            headlights=float(rng.uniform(0, 0.3)),
            shadow=float(rng.uniform(0.1, 0.4)),
            sun=_sun(rng, 0.0, 0.15) if chance(rng, 0.35) else None,
            glare=float(rng.uniform(0.1, 0.7)),
        )
    sunny = hour == "day"
    return Light(
        ambient=float(rng.uniform(0.95, 1.15) if sunny else rng.uniform(0.7, 0.95)),
        tint=jitter(rng, (1.0, 1.0, 1.0), 0.02),
        shadow=float(rng.uniform(0.3, 0.65) if sunny else rng.uniform(0.05, 0.2)),
        tree_shade=float(rng.uniform(0.2, 0.85)) if chance(rng, 0.3) else 0.0,
        bridge=float(rng.uniform(0, 300)) if chance(rng, 0.12) else None,
        edge_shade=float(rng.uniform(-4, 4)) if sunny and chance(rng, 0.25) else 0.0,
        sun=_sun(rng, 0.1, 0.5) if sunny and chance(rng, 0.2) else None,
        glare=float(rng.uniform(0.1, 0.6)),
    )


def _sun(rng: Rng, lowest: float, highest: float) -> tuple[float, float]:
    """Azimuth and elevation of a sun ahead."""
    return float(rng.normal(0, 0.45)), float(rng.uniform(lowest, highest))


def random_sky(rng: Rng, hour: str, setting: str) -> Sky:
    """The sky of an hour over the skyline of a setting, as for `random_light`."""
    skyline = pick(rng, hills=0.25, trees=0.5, city=0.1, none=0.15) if setting != "city" else pick(rng, trees=0.3, city=0.6, none=0.1)
    zenith, horizon = (0.85, 0.58, 0.35), (0.96, 0.88, 0.8)
    clouds, shade = float(rng.choice([0, rng.uniform(0.1, 0.7)])), 0.95
    if hour == "night":
        glow = float(rng.uniform(0.01, 0.2))
        zenith, horizon, clouds = (glow * 0.4, glow * 0.3, glow * 0.25), (glow, glow * 0.8, glow * 0.8), 0.0
    elif hour == "dusk":
        zenith, horizon, clouds, shade = (0.6, 0.45, 0.38), (0.6, 0.72, 0.88), float(rng.uniform(0, 0.8)), float(rng.uniform(0.3, 0.7))
    elif hour == "overcast":
        grey = float(rng.uniform(0.6, 1.0))
        zenith, horizon, clouds, shade = (grey * 0.92,) * 3, (grey,) * 3, float(rng.uniform(0, 0.9)), grey * 0.85
    return Sky(
        jitter(rng, zenith, 0.12),
        jitter(rng, horizon, 0.06),
        clouds,
        shade,
        skyline,
        float(rng.uniform(0.01, {"hills": 0.12, "trees": 0.14, "city": 0.25, "none": 0.1}[skyline])),
        jitter(rng, (0.45, 0.45, 0.46) if skyline == "city" else (0.2, 0.32, 0.24), 0.25),
    )


def random_lens(rng: Rng, hour: str) -> Lens:
    """What a cheap camera makes of that light: exposure, noise, dirt, a stamp."""
    dark = hour in ("night", "dusk")
    stamp = f"{rng.integers(2010, 2026)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
    stamp += f" {rng.integers(24):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}"
    return Lens(
        exposure=float(np.exp(rng.normal(0.05, 0.2))),
        contrast=float(np.clip(rng.normal(1.08, 0.2), 0.6, 1.7)),
        saturation=float(np.clip(rng.normal(1.0, 0.35), 0.0, 2.0)),
        balance=(float(np.exp(rng.normal(0, 0.07))), 1.0, float(np.exp(rng.normal(0, 0.07)))),
        metering=float(rng.uniform(0.2, 0.9)),
        blur=float(rng.choice([rng.uniform(0.3, 1.0), rng.uniform(0.8, 2.5)], p=[0.75, 0.25])),
        sharpen=float(rng.uniform(0.3, 1.5)) if chance(rng, 0.4) else 0.0,
        noise=float(rng.uniform(0.5, 9.0 if dark else 4.0)),
        vignette=float(rng.uniform(0, 0.4)),
        jpeg=int(rng.integers(20, 85)) if chance(rng, 0.45) else 0,
        bonnet=float(rng.uniform(0.02, 0.2)) if chance(rng, 0.45) else 0.0,
        # The camera sits where its owner stuck it: often only a corner of the bonnet is visible.
        bonnet_middle=float(rng.normal(0, 0.5)),
        bonnet_colour=jitter(rng, VEHICLE_COLOURS[int(rng.integers(len(VEHICLE_COLOURS)))], 0.1)
        if chance(rng, 0.6)
        else (0.08, 0.08, 0.08),
        reflection=float(rng.uniform(0.05, 0.3)) if chance(rng, 0.25) else 0.0,
        dirt=float(rng.uniform(0.05, 0.5)) if chance(rng, 0.25) else 0.0,
        text=stamp if chance(rng, 0.2) else "",
        text_colour=((1.0, 1.0, 1.0), (0.1, 0.5, 1.0), (0.2, 0.9, 1.0))[int(rng.integers(3))],
        text_at_top=chance(rng, 0.4),
    )
