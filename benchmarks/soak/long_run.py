"""A long run: the whole program on a real RTSP camera that is switched off and on, with its page and its recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from benchmarks.soak.program import Program, running, wait_for_page
from benchmarks.soak.rtsp_camera import RTSPCamera, rtsp_camera
from benchmarks.soak.viewer import Viewer
from lanes.arrays import BGRImage
from lanes.errors import InputError, ProcessingError
from lanes.renderer import RoadRenderer, Scene
from lanes.telemetry.percentiles import summarise

SIZE = (640, 360)
"""What two cores carry at the full rate with the camera and a viewer on them as well. A run of two minutes at 1280x720 dropped 38 %."""
FPS = 25
"""Frames a second of the camera: see `rtsp_server.py`."""

LIBRARY = 50
"""Frames of the rendered drive, sent there and back over and over."""

PART_S, FEWEST_PARTS = 60.0, 5
"""Seconds of a part; a run that is shorter than so many of them is parted in so many all the same."""

PARTS_A_RECONNECTION = 3
"""The camera goes once in so many parts, in the middle one: not in the first part and not in the last, which are compared."""

AWAY_S = 5.0
SAMPLE_S = 2.0
SETTLING_PICTURES = 50
STARTING_S = 120.0

BASELINE = 2
"""The part that memory, threads and descriptors are compared with, counted from 0. Before it are the first frames, the first reconnection
(a second decoder) and the first two files of the recording, for which a process takes what it keeps."""

MOST_GROWTH = 0.02
MOST_SLOWER = 0.10
FEWEST_PROCESSED = 0.95
"""Share of the captured frames below which the run was not at the camera's full rate."""

COMPARED = ("p50", "p95")
NAMES = {"latency_ms": "latency", "age_ms": "age on the page"}
HELD = ("resident_bytes", "anonymous_bytes", "threads", "descriptors")


def long_run(minutes: float, options: Sequence[str] = (), progress: Callable[[float], None] = lambda _: None) -> dict[str, Any]:
    """Runs the program for so long, and looks at it every two seconds.

    Args:
        minutes: how long, from when it runs.
        options: further ones of its command line.
        progress: is called with the share that is done.

    Returns:
        `minutes`; `parts`, each with `seconds` (its length), `latency_ms` and `age_ms` (summaries: from in memory to drawn; from arrival
        to when it is sent to the page's viewer) and the medians of what the process held (`HELD`); `samples`, each with `at_s` and the
        same; `reconnections`, each with `at_s`, `away_s`, `back_s` (None: never); `frames` and `engine` of the run's report; `segments`
        (files of the recording that were kept); and what `judge` finds.

    Raises:
        InputError: GStreamer's server or aiohttp is not installed.
        ProcessingError: the run or its page ended by itself.
    """
    parts = max(FEWEST_PARTS, round(60 * minutes / PART_S))
    length = 60 * minutes / parts
    with TemporaryDirectory() as name, rtsp_camera() as camera:
        camera.show(SIZE, drive())
        camera.start(SIZE)
        with running(camera.address(), Path(name), options) as program:
            wait_for_page(program, STARTING_S)
            with Viewer(program.port) as viewer:
                viewer.wait_for(SETTLING_PICTURES, STARTING_S)
                found = _watch(program, viewer, camera, parts, length, progress)
            report = program.end()
            found |= {"frames": report["frames"], "engine": report["engine"], "segments": len(program.segments())}
    return {"minutes": minutes} | found | judge(found)


def drive() -> Iterator[BGRImage]:
    """Rendered frames, there and back, so that none follows one that is far from it."""
    renderer = RoadRenderer(Scene.demo(), *SIZE)
    frames = [renderer.render(index / FPS).pixels for index in range(LIBRARY)]
    yield from frames
    yield from frames[-2:0:-1]


def check_parts() -> None:
    """Raises InputError where something for it is not installed, before anything else is done."""
    if missing := [name for name in ("aiohttp", "prometheus_client") if find_spec(name) is None]:
        raise InputError(f"--minutes: the page needs {', '.join(missing)}: pip install 'lanestream[serve]'")
    with rtsp_camera() as camera:
        try:
            camera.start()
        except InputError as error:
            raise InputError(f"--minutes: {error}") from None


def _watch(
    program: Program, viewer: Viewer, camera: RTSPCamera, parts: int, length: float, progress: Callable[[float], None]
) -> dict[str, Any]:
    away_s = min(AWAY_S, length / 4)
    begun = monotonic()
    leaves = [(number + PARTS_A_RECONNECTION / 2) * length for number in range(0, parts - PARTS_A_RECONNECTION + 1, PARTS_A_RECONNECTION)]
    switches = sorted([(at, False) for at in leaves] + [(at + away_s, True) for at in leaves])
    returns: list[float] = []
    samples: list[dict[str, float]] = []
    latencies: list[list[float]] = []
    program.latencies()  # of what came before
    for number in range(parts):
        end = begun + (number + 1) * length
        while (now := monotonic()) < end:
            viewer.check()
            samples.append({"at_s": now - begun} | program.held())
            if switches and now >= begun + switches[0][0]:
                _, on = switches.pop(0)
                if on:
                    camera.start(SIZE)
                    returns.append(monotonic())
                else:
                    camera.kill()
            progress((now - begun) / (parts * length))
            following = min([end, now + min(SAMPLE_S, length / 4), *(begun + at for at, _ in switches[:1])])
            sleep(max(0.0, following - monotonic()))
        latencies.append(program.latencies())
    viewer.check()
    parted = [_part(number, length, begun, latencies[number], viewer, samples) for number in range(parts)]
    if any(parted[at][kind]["n"] == 0 for at in (0, -1) for kind in ("latency_ms", "age_ms")):
        raise ProcessingError("no frames came in the first or the last part of the run; free the processor and try again")
    return {
        "parts": parted,
        "samples": samples,
        "reconnections": [
            {"at_s": at, "away_s": away_s, "back_s": None if (came := viewer.first_after(returned)) is None else came - returned}
            for at, returned in zip(leaves, returns, strict=True)
        ],
    }


def _part(
    number: int, length: float, begun: float, latencies: Sequence[float], viewer: Viewer, samples: Sequence[dict[str, float]]
) -> dict[str, Any]:
    first, last = number * length, (number + 1) * length
    ages = [age for came, age in viewer.pictures if first <= came - begun < last]
    before = [sample for sample in samples if sample["at_s"] < last]
    held = [sample for sample in before if first <= sample["at_s"]] or before[-1:]
    return {"seconds": length, "latency_ms": summarise(latencies), "age_ms": summarise(ages)} | {
        name: median([sample[name] for sample in held]) for name in HELD
    }


def judge(found: dict[str, Any]) -> dict[str, Any]:
    """Holds a run against the limits.

    Returns:
        `growth` of `HELD`, from the baseline part to the last: shares of memory, and numbers; `slower`, by quantity and percentile, the
        share by which the last part is above the first; `limits`, each with `name`, `value`, `limit`, `unit` (`share` or `count`), `met`;
        `passed`.
    """
    parts, frames = found["parts"], found["frames"]
    first, baseline, last = parts[0], parts[BASELINE], parts[-1]
    growth = {name: last[name] / baseline[name] - 1 if name.endswith("bytes") else last[name] - baseline[name] for name in HELD}
    slower = {kind: {p: last[kind][p] / first[kind][p] - 1 for p in COMPARED} for kind in ("latency_ms", "age_ms")}
    lost = [outage for outage in found["reconnections"] if outage["back_s"] is None]
    limits = [
        *(_limit(f"{name}, the last part over part {BASELINE + 1}", growth[name], MOST_GROWTH) for name in HELD[:2]),
        *(_limit(f"{name}, the last part less part {BASELINE + 1}", growth[name], 0, "count") for name in HELD[2:]),
        *(_limit(f"{NAMES[kind]} {p}, the last part over the first", by[p], MOST_SLOWER) for kind, by in slower.items() for p in COMPARED),
        _limit("frames dropped", frames["dropped"] / frames["captured"], 1 - FEWEST_PROCESSED),
        _limit("frames not accounted for", abs(frames["captured"] - frames["processed"] - frames["dropped"]), 0, "count"),
        _limit("times that the camera came back and the run did not", len(lost), 0, "count"),
    ]
    return {"growth": growth, "slower": slower, "limits": limits, "passed": all(limit["met"] for limit in limits)}


def _limit(name: str, value: float, limit: float, unit: str = "share") -> dict[str, Any]:
    return {"name": name.replace("_", " "), "value": value, "limit": limit, "unit": unit, "met": value <= limit}
