"""The table: one line a setting, with its type, default, kind, group and help."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from lanes.errors import InputError
from lanes.settings.kinds import (
    ADDRESS,
    BAND,
    COUNT,
    FILE,
    FLAG,
    METRES,
    OUTPUT_NAME,
    OUTPUT_PATH,
    PROBABILITY,
    SECONDS_OR_NEVER,
    SIZE,
    SOURCE,
    TEXT,
    TIME,
    Kind,
    one_of,
)

T = TypeVar("T")

INPUT, OUTPUT, MODEL, LANES, FRAMES, MESSAGES = "input", "output", "model", "lanes", "which frames", "messages"
"""The groups, in the order of `--help` and docs/settings.md."""


@dataclass(frozen=True)
class Setting:
    """What is known of one setting.

    Attributes:
        name: the attribute of `Settings` and the key in a TOML file, `no_progress`.
        default: where nothing is given.
        kind: its type and range.
        group: under which it is listed.
        metavar: what stands for its value in `--help`.
        help: what it does, a noun phrase or a verb in lower case; `{choices}` stands for the values of its kind.
        otherwise: in words, what happens without it, where the default is None.
    """

    name: str
    default: Any
    kind: Kind[Any]
    group: str
    metavar: str
    help: str
    otherwise: str

    @property
    def description(self) -> str:
        """The help, whole."""
        return self.help.replace("{choices}", ", ".join(self.kind.choices))

    @property
    def flag(self) -> str:
        """On the command line: `--no-progress`."""
        return "--" + self.name.replace("_", "-")

    @property
    def opposite(self) -> str:
        """The flag that takes a switch back, which a file or the environment has set: `--progress`, `--no-live`."""
        return self.flag.replace("--no-", "--") if self.name.startswith("no_") else self.flag.replace("--", "--no-")

    @property
    def variable(self) -> str:
        """In the environment: `LANESTREAM_NO_PROGRESS`."""
        return "LANESTREAM_" + self.name.upper()


def _setting(default: T, kind: Kind[Any], group: str, metavar: str, help: str, otherwise: str = "") -> T:
    described = {"kind": kind, "group": group, "metavar": metavar, "help": help, "otherwise": otherwise}
    made: T = field(default=default, metadata=described)
    return made


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a run. The flags of the same names say what each means: docs/settings.md.

    Values may be given as text too, as on the command line: `Settings(masks="masks", start="1:30")`.

    Raises:
        InputError: a value is of the wrong type or out of its range, or `end` is not after `start`.
    """

    source: str | None = _setting(
        None,
        SOURCE,
        INPUT,
        "S",
        "a video file; a folder or a glob of images or of videos; 0, /dev/video0 or /dev/v4l/by-id/... (camera); csi://0; rtsp(s)://, "
        "rtspu://, rtmp(s)://, http(s)://, udp://, tcp://; synthetic:// (rendered road)",
        "the bundled demo clip",
    )
    live: bool = _setting(
        False, FLAG, INPUT, "", "treat a file as if it were live: paced by its own clock, late frames dropped and counted"
    )
    reconnect: bool = _setting(
        True, FLAG, INPUT, "", "wait for an address or a camera that is lost or not there yet; --no-reconnect ends the run instead"
    )
    watchdog: int = _setting(
        30,
        SECONDS_OR_NEVER,
        INPUT,
        "SECONDS",
        "end the run, with status 1, when a stage of a live source is busy with one frame for so long",
    )
    config: Path | None = _setting(None, FILE, INPUT, "FILE", "read settings from this TOML file; environment and flags go before it")

    start: Fraction | None = _setting(None, TIME, FRAMES, "TIME", "begin at this time of the video", "its beginning")
    end: Fraction | None = _setting(None, TIME, FRAMES, "TIME", "stop at this time of the video", "its end")
    every: int = _setting(1, COUNT, FRAMES, "N", "process every N-th frame and skip those between")
    limit: int | None = _setting(None, COUNT, FRAMES, "N", "stop after N frames")

    output: str | None = _setting(
        None,
        OUTPUT_NAME,
        OUTPUT,
        "PATH",
        "write the overlay here: a video (.mp4), a folder for images, or none; or send a live one to an address: "
        "rtmp(s)://, rtsp(s)://, udp://, tcp://, srt://",
        "outputs/<name>_lanes.mp4",
    )
    segment_time: Fraction | None = _setting(None, TIME, OUTPUT, "TIME", "begin a new file of a live recording after this time")
    segment_size: int | None = _setting(None, SIZE, OUTPUT, "SIZE", "begin a new file of a live recording after so many bytes, as in 500M")
    keep_size: int | None = _setting(
        None, SIZE, OUTPUT, "SIZE", "delete the oldest files of a live recording where all of them are more than this, as in 64G"
    )
    events: Path | None = _setting(
        None, OUTPUT_PATH, OUTPUT, "DIR", "write a clip here from 10 s before to 10 s after each departure or mark, with its records"
    )
    masks: Path | None = _setting(None, OUTPUT_PATH, OUTPUT, "DIR", "write each frame's lane mask here, an 8-bit PNG of 0 and 255")
    records: Path | None = _setting(None, OUTPUT_PATH, OUTPUT, "FILE", "write one JSON object a frame here, as it goes")
    tusimple: Path | None = _setting(
        None, OUTPUT_PATH, OUTPUT, "FILE", "write the lanes here as TuSimple's benchmark reads them, one JSON object a frame"
    )
    culane: Path | None = _setting(
        None, OUTPUT_PATH, OUTPUT, "DIR", "write the lanes here as CULane's benchmark reads them, a .lines.txt a frame"
    )
    mcap: Path | None = _setting(
        None, OUTPUT_PATH, OUTPUT, "FILE", "write video, lanes and all else on one time line here, for Foxglove and Rerun (.mcap)"
    )
    report: Path | None = _setting(None, OUTPUT_PATH, OUTPUT, "FILE", "write the latency report here, JSON")
    serve: str | None = _setting(
        None,
        ADDRESS,
        OUTPUT,
        "HOST:PORT",
        "show the run on a web page there, with /stream.mjpg, /snapshot.jpg, /metrics and /healthz; beyond this machine with a token",
    )
    show: bool = _setting(False, FLAG, OUTPUT, "", "show the overlay in a window; Q or Esc ends the run")
    encoder: str = _setting(
        "auto",
        one_of(
            *("auto", "libx264", "libopenh264", "h264_nvenc", "h264_v4l2m2m", "h264_qsv"),
            *("h264_vaapi", "h264_videotoolbox", "h264_mf", "h264_amf"),
        ),
        OUTPUT,
        "NAME",
        "FFmpeg's encoder of the video: {choices}; auto takes libx264 where FFmpeg has it",
    )
    birds_eye: bool = _setting(False, FLAG, OUTPUT, "", "draw an inset that shows the road from above, in metres")
    overwrite: bool = _setting(False, FLAG, OUTPUT, "", "replace outputs that exist")

    model: str = _setting(
        "unet", TEXT, MODEL, "M", "a bundled model's name, or an ONNX file that engines.export wrote; help lists the bundled models"
    )
    engine: str = _setting(
        "auto",
        one_of("auto", "tensorrt", "openvino", "onnx", "torch", "opencv"),
        MODEL,
        "NAME",
        "inference engine: {choices}; auto takes the first that works here, opencv runs the model classical alone",
    )
    precision: str = _setting(
        "auto",
        one_of("auto", "fp32", "bf16", "fp16", "int8"),
        MODEL,
        "P",
        "precision of the arithmetic: {choices}; auto takes what the engine prefers",
    )
    threshold: float | None = _setting(
        None,
        PROBABILITY,
        MODEL,
        "T",
        "probability above which a pixel is lane; in a video what was lane stays lane at half of it",
        "the model's own",
    )
    band: str = _setting(
        "auto",
        BAND,
        MODEL,
        "B",
        "rows that the model looks at: auto (where the road is, for a model that was trained on such bands), off (the whole frame), or "
        "TOP:BOTTOM, shares of the frame's height",
    )

    camera: Path | None = _setting(
        None,
        FILE,
        LANES,
        "FILE",
        "the camera, as calibration.camera wrote it (camera.yaml)",
        "an assumed field of view, and no metres",
    )
    height: float | None = _setting(
        None, METRES, LANES, "M", "the camera's height above the road in metres", "that of the camera file, or from the lane's width"
    )
    no_track: bool = _setting(False, FLAG, LANES, "", "look at every frame by itself, as at a still: no metres, no departure")

    log_format: str = _setting(
        "text", one_of("text", "json"), MESSAGES, "FORMAT", "how messages on stderr look: {choices}; json is one object a line"
    )
    no_progress: bool = _setting(False, FLAG, MESSAGES, "", "show no progress bar")
    quiet: bool = _setting(False, FLAG, MESSAGES, "", "show errors only")

    def __post_init__(self) -> None:
        for setting in table().values():
            value = getattr(self, setting.name)
            if value is None and setting.default is None:
                continue
            try:
                object.__setattr__(self, setting.name, setting.kind.check(value))
            except argparse.ArgumentTypeError as error:
                raise InputError(f"{setting.name}: {error}") from None
        if self.end is not None and self.end <= (self.start or 0):
            raise InputError(f"end: {float(self.end):g} s is not after the start, {float(self.start or 0):g} s; give a later time")


@cache
def table() -> Mapping[str, Setting]:
    """All settings by name, in the order of the documents."""
    return {entry.name: Setting(entry.name, entry.default, **entry.metadata) for entry in fields(Settings)}
