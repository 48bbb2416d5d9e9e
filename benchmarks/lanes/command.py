"""What the lanes stage finds, beside the ground truth: `python -m benchmarks.lanes --cache cache --page lanes.html --json lanes.json`.

Parts, by --parts; those that need files which are not there are left out, with the reason:

lanes       30 rendered drives of 20 s with the model in the loop: offset, heading, curvature, ego lane, ids, intervals, confidence, lag
departures  30 rendered drives that leave the lane at 0.2 to 0.8 m/s, and the same with 50, 150 and 300 ms of added age
records     false alarms over hours of lane records: the paint that the model saw in `lanes`, laid along drives that keep their lane
hour        false alarms over an hour through the model, rendered as it runs; only where it is asked for, as it takes half an hour
mount       mounts three degrees off, mounts bumped by one degree, and power cuts while a mount is saved
camera      --camera: photographs of a board and of a straight road by one real camera
labels      --data: the ego lane's boundaries on labelled stills, and TuSimple's figures
clips       --video: how steadily the ego lane stands in real clips, the lag, and what the stage costs

Drives are rendered once into --cache, and what was run is kept there: the same command again goes on where it stopped, and runs only
what another version of the code or the model makes worthless. Rendered drives have 10 frames a second, departures 20: rendering and the
network cost the same for every frame, and a filter is none the better for fewer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.cli import ALL_ENGINES, add_json, add_model_options, check_outputs, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import engine_facts, new_result, write_result
from lanes import load_segmenter
from lanes.cli.arguments import Parser, count, output_path, positive
from lanes.cli.console import plain_console
from lanes.errors import InputError, exit_status
from lanes.files import check_file, write_atomically
from lanes.html.page import check_pages

KIND = "lanes"
PARTS = ("lanes", "departures", "records", "hour", "mount", "camera", "labels", "clips")
STANDARD = tuple(part for part in PARTS if part != "hour")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.lanes", __doc__)
    add_model_options(parser, ALL_ENGINES)
    parser.add_argument("--parts", type=str, nargs="+", choices=PARTS, default=list(STANDARD), help="what to measure")
    parser.add_argument("--cache", type=output_path, default=Path("outputs/benchmarks_lanes"), metavar="DIR", help="folder of what is kept")
    parser.add_argument("--share", type=positive, default=1.0, help="share of the rendered drives, at least one of each kind")
    parser.add_argument(
        "--hours", type=positive, default=3.2, help="hours of lane records in `records`; three of them active give a bound of one an hour"
    )
    parser.add_argument("--model-hours", type=positive, default=1.0, help="hours through the model in `hour`")
    parser.add_argument("--model-rate", type=count, default=10, metavar="FPS", help="frames a second in `hour`")
    parser.add_argument(
        "--minutes", type=count, metavar="N", help="minutes of driving that this run adds in `hour`, to go on later (default: all)"
    )
    parser.add_argument("--camera", type=Path, metavar="DIR", help="photographs board_*.jpg and straight_*.jpg")
    parser.add_argument("--data", type=Path, metavar="DIR", help="labelled stills in the layout of lanedata")
    parser.add_argument("--split", type=str, default="val", help="split of the data")
    parser.add_argument("--video", type=Path, metavar="DIR", help="clips")
    parser.add_argument("--page", type=output_path, metavar="FILE", help="write a page with plots and the worst frames here, as HTML")
    add_json(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.lanes", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    # Imported here because the command's help is wanted without Matplotlib, too.
    from benchmarks.lanes.page import lanes_page
    from benchmarks.lanes.show import print_result

    console = plain_console(stderr=True)
    check_outputs(args.json)
    if args.page is not None:
        check_file(args.page, overwrite=True)
        check_pages()
    with observe_machine() as observation, load_segmenter(args.model, args.engine, args.precision) as segmenter:
        found, frames = measure(args, segmenter, lambda text: console.print(text, soft_wrap=True))
        model = {"model": segmenter.engine.model.metadata.name, "model_sha256": segmenter.engine.model.sha256}
        facts = {"engine": engine_facts(segmenter.engine), **model}
    result = new_result(KIND, "lanes beside the ground truth", observation, **facts, **found)
    if args.json is not None:
        write_result(args.json, result)
    if args.page is not None:
        write_atomically(args.page, lanes_page(result, frames))
    output = plain_console(width=140)
    print_result(result, output)
    print_notes(result, args.json, output)
    if args.page is not None:
        output.print(f"written: {args.page}", soft_wrap=True)


def measure(args: argparse.Namespace, segmenter: Any, say: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parts that are asked for.

    Returns:
        `parts`, by name, and `left_out`, the reason by name; and the measured frames of the lane drives by drive, for the page.
    """
    from benchmarks.lanes import parts
    from benchmarks.lanes.clips import list_clips, mean_of, measure_clip
    from benchmarks.lanes.drives import DEPARTURE_DRIVES, departure_drives, lane_drives, mount_drives
    from benchmarks.lanes.labelled import check_data, measure_labels
    from benchmarks.lanes.photographs import measure_photographs
    from benchmarks.lanes.run import Kept

    context = parts.Context(segmenter, Kept(args.cache / "runs", segmenter.engine.model.sha256), args.cache / "drives", say)
    rows: dict[Any, Any] = {}

    def lane_rows() -> dict[Any, Any]:
        if not rows:
            rows.update(parts.lane_rows(context, lane_drives(args.share)))
        return rows

    def clips() -> dict[str, Any]:
        found = {}
        for path in list_clips(_given(args.video, "--video")):
            say(f"{path.name}")
            found[path.stem] = measure_clip(path, segmenter)
        return {"by_clip": found, **{way: mean_of(list(found.values()), way) for way in ("tracked", "per_frame")}}

    def labels() -> dict[str, Any]:
        check_data(_given(args.data, "--data"))
        say(f"{args.data}: split {args.split}")
        return measure_labels(args.data, args.split, segmenter)

    works: dict[str, Callable[[], dict[str, Any]]] = {
        "lanes": lambda: parts.lanes_part(lane_rows()),
        "departures": lambda: parts.departures_part(context, departure_drives(max(2, round(args.share * DEPARTURE_DRIVES)))),
        "records": lambda: parts.records_part(context, lane_rows(), args.hours),
        "hour": lambda: parts.hour_part(context, args.model_hours, args.model_rate, args.minutes),
        "mount": lambda: parts.mount_part(context, mount_drives()),
        "camera": lambda: measure_photographs(_given(args.camera, "--camera"), segmenter, plain_console(stderr=True)),
        "labels": labels,
        "clips": clips,
    }
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(args.parts):
        try:
            found[name] = works[name]()
        except _NotGivenError as error:
            left_out[name] = str(error)
    return {"parts": found, "left_out": left_out}, {"context": context, "rows": rows}


class _NotGivenError(InputError):
    """A part needs files that were not named, or are not there."""


def _given(path: Path | None, flag: str) -> Path:
    if path is None:
        raise _NotGivenError(f"{flag} is not given")
    if not path.is_dir():
        raise _NotGivenError(f"{path} is not there")
    return path
