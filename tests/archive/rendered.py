"""Rendered drives as dashcams leave them: cut into pieces, some with GPS, one with a name that was chosen to do harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import cos, degrees, radians, sin
from pathlib import Path

import av
import numpy as np

from benchmarks.lanes.drives import Drive
from benchmarks.lanes.estimators import camera_of
from lanes.dashcam.track import Fix
from lanes.renderer import LaneChange, RoadRenderer, Scene
from tests.dashcam import cameras

HOSTILE = "<img src=x onerror=document.title='owned'>\u202egpj.&quot;<\u2215script>.mp4"
"""As names go on every file system but those of Windows."""


RATE = 10

SIZE = (480, 270)

MOTORWAY, TOWN, EVENING = datetime(2026, 3, 13, 23, 59, 40), datetime(2026, 3, 14, 9, 28), datetime(2026, 3, 16, 18)
"""When the drives of several pieces begin."""


def write(path: Path, scene: Scene, seconds: float, start_s: float = 0.0, size: tuple[int, int] = SIZE) -> Path:
    """A rendered drive as an MP4."""
    renderer = RoadRenderer(scene, *size)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryfast", "bf": "0", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(round(seconds * RATE)):
            frame = av.VideoFrame.from_ndarray(renderer.render(start_s + index / RATE).pixels, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def a_road(seed: int, change_at: float | None = None, speed: float = 27.0) -> Scene:
    """A motorway with three lanes, the car in the middle one; it changes to the left if that is asked for."""
    scene = replace(Scene.demo(), seed=seed, speed=speed)
    changes = () if change_at is None else (LaneChange(change_at, "left", 6.0),)
    return replace(scene, lane_changes=changes)


def camera_file(path: Path) -> Path:
    """The `camera.yaml` of the camera in these drives, its mount known, so that departures can be told from the first second on."""
    camera_of(Drive("dashcam", "lanes", a_road(0), 1.0, RATE), SIZE).write(path)
    return path


def way(place: tuple[float, float], begin: float, seconds: float, speed: float, turn: float = 0.004) -> list[Fix]:
    """Fixes of a car that goes along a bend, at 1 Hz, from `begin` seconds after it left `place`."""
    found, latitude, longitude, heading = [], *place, radians(place[1] * 1000 % 360)
    for second in range(int(begin + seconds)):
        if second >= begin:
            found.append(Fix(second - begin, latitude, longitude, speed, degrees(heading) % 360))
        heading += turn
        latitude += speed * cos(heading) / 111_195
        longitude += speed * sin(heading) / 111_195 / cos(radians(latitude))
    return found


def twelve(folder: Path, short_s: float = 1.0) -> Path:
    """A folder with twelve drives in eighteen files.

    Two are the same 24 s with a change of lane after 15 s, when the mount is known: on a motorway at night, and in a town, where that is
    no departure. The others are short.
    """
    camera, plain = folder / "camera", folder / "plain.mp4"
    camera.mkdir(parents=True)
    scene, piece_s = a_road(0, change_at=15.0), 8.0
    for index in range(3):
        write(plain, scene, piece_s, piece_s * index)
        for begin, place, speed in ((MOTORWAY, (48.10, 11.50), 27.0), (TOWN, (48.12, 11.53), 10.0)):
            name = f"{begin + timedelta(seconds=piece_s * index):%Y_%m%d_%H%M%S}_{index:06}F.MP4"
            cameras.viofo(plain, camera / name, way(place, piece_s * index, piece_s, speed))
    for index in range(3):
        seconds = int(short_s * index)
        write(camera / f"NO{EVENING + timedelta(seconds=seconds):%Y%m%d-%H%M%S}-{index:06}F.MP4", a_road(20), short_s, seconds)
    tracks: dict[str, tuple[Callable[..., Path], list[Fix]]] = {
        "GX010042.MP4": (cameras.gopro, way((48.11, 11.51), 0, short_s + 1, 27.0)),
        "20260316_074500_NF.mp4": (cameras.blackvue, way((52.50, 13.40), 0, short_s + 1, 27.0)),
        "2026-03-18_02-30-00-front.mp4": (cameras.subtitled, way((52.51, 13.41), 0, short_s + 1, 8.0)),
    }
    names = (
        HOSTILE,
        "holiday.mp4",
        "20260316_074500_PF.mp4",
        "2026-03-18_02-30-00-back.mp4",
        "REC_2026_03_17_12_00_00_F.MP4",
        "GRMN0007.MP4",
    )
    for seed, name in enumerate((*tracks, *names), 1):
        write(plain, Scene.random(np.random.default_rng(3)) if name == "holiday.mp4" else a_road(seed), short_s)
        if name in tracks:
            writer, track = tracks[name]
            writer(plain, camera / name, track)
        else:
            plain.rename(camera / name)
    plain.unlink(missing_ok=True)
    return camera
