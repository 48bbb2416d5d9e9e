"""Every rung of the ladder, from thresholds to the product, by one yardstick: `python -m benchmarks.ladder --page ladder.html`.

Trains nothing: it takes the bundled rungs and says which are not there. Parts, by --parts; `--parts` alone measures nothing and writes the
page anew from what --from holds. Those that need files which are not given are left out, with the reason:

facts      parameters, operations, receptive field
cost       milliseconds and memory of every rung in every engine that runs it: needs a quiet machine
accuracy   --data: relaxed F1, IoU and the error of the edges, by source
flicker    how steady the masks are on clips: --video, or the demo clip
frames     what each rung sees on six rendered frames, or on one's own: --frames
video      one clip through all rungs side by side, in one video
learning   --training: learning curves, and the spread of three seeds

Pictures and the video go into --cache. `--docs docs/ladder.md` writes the page of the documentation, its pictures beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.cli import add_json, add_rounds, check_outputs, print_notes
from benchmarks.common.observe import observe_machine
from benchmarks.common.results import load_result, new_result, write_result
from benchmarks.ladder.candidates import Candidate, facts, find_candidates
from benchmarks.ladder.rungs import BY_NAME, RUNGS
from calibration.int8.frame_sets import subsample_by_source
from engines.registry import PRECISIONS
from lanes.assets import DEMO_CLIP
from lanes.cli.arguments import Parser, count, output_path, positive
from lanes.cli.console import plain_console
from lanes.data.frames import LabelledFrame
from lanes.data.open import list_frames
from lanes.errors import InputError, exit_status
from lanes.files import check_file
from lanes.html.page import check_pages

KIND = "ladder"
PARTS = ("facts", "cost", "accuracy", "flicker", "frames", "video", "learning")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m benchmarks.ladder", __doc__)
    parser.add_argument("--parts", type=str, nargs="*", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument(
        "--rungs", type=str, nargs="+", choices=list(BY_NAME), default=list(BY_NAME), metavar="NAME", help="rungs to measure"
    )
    parser.add_argument(
        "--from", dest="earlier", type=Path, metavar="FILE", help="result whose parts stand where they are not measured anew"
    )
    parser.add_argument("--weights", type=Path, metavar="DIR", help="folder of model files NAME.onnx that stand in for bundled rungs")
    parser.add_argument("--data", type=Path, metavar="DIR", help="labelled frames in any format that lanes.data reads")
    parser.add_argument("--split", type=str, default="val", help="split of the data")
    parser.add_argument("--limit", type=count, metavar="N", help="number of labelled frames, spread over the sources (default: all)")
    parser.add_argument(
        "--video", type=Path, nargs="+", metavar="FILE", help="clips; the first is that of the grid (default: the demo clip)"
    )
    parser.add_argument("--video-frames", type=count, metavar="N", help="frames of the clip that go into the grid (default: all)")
    parser.add_argument(
        "--frames", type=Path, metavar="DIR", help="frames of your own to show, their labels in masks/ (default: six rendered ones)"
    )
    parser.add_argument("--training", type=Path, nargs="+", metavar="FILE", help="results of python -m lanes.train.ladder")
    parser.add_argument("--precision", type=str, nargs="+", choices=PRECISIONS, default=["fp32", "bf16", "int8"], help="precisions to time")
    add_rounds(parser, 5, 30)
    parser.add_argument("--round-seconds", type=positive, default=4.0, metavar="S", help="most seconds of a slow rung in a round")
    parser.add_argument("--stride", type=count, default=8, metavar="N", help="patches are timed for every pixel, and for every N-th")
    parser.add_argument(
        "--cache", type=output_path, default=Path("outputs/benchmarks_ladder"), metavar="DIR", help="folder of the pictures and the video"
    )
    add_json(parser)
    parser.add_argument("--page", type=output_path, metavar="FILE", help="write the page here, as HTML")
    parser.add_argument(
        "--docs", type=output_path, metavar="FILE", help="write the page as Markdown, its pictures into a folder of its name"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    return exit_status("benchmarks.ladder", lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measures, prints and writes. Raises InputError or ProcessingError."""
    console = plain_console(stderr=True)
    check_outputs(args.json)
    for path in (args.page, args.docs):
        if path is not None:
            check_file(path, overwrite=True)
            check_pages()
    earlier = {} if args.earlier is None else load_result(args.earlier)
    if earlier and earlier["kind"] != KIND:
        raise InputError(f"{args.earlier} is a result of benchmarks.{earlier['kind']}, not of benchmarks.ladder")
    if args.parts or not earlier:
        result = measured(args, earlier, lambda text: console.print(text, soft_wrap=True))
    else:
        result = earlier
    if args.json is not None:
        write_result(args.json, result)
    written = write_pages(args, result)
    output = plain_console(width=160)
    print_result(result, output)
    print_notes(result, args.json, output)
    for path in written:
        output.print(f"written: {path}", soft_wrap=True)


def measured(args: argparse.Namespace, earlier: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """A result with the parts that are asked for, and of the earlier one those that are not."""
    with observe_machine() as observation:
        candidates, missing = find_candidates([rung for rung in RUNGS if rung.name in args.rungs], args.weights)
        for name, reason in missing.items():
            say(f"{name} is not there: {reason}")
        if not candidates:
            raise InputError("none of the rungs is there: " + "; ".join(dict.fromkeys(missing.values())))
        found, left_out = measure(args, candidates, say)
    result = new_result(KIND, "the ladder", observation)
    for part in found.values():
        part["measured"] = {key: result[key] for key in ("created", "commit")}
    if "cost" not in found:  # load meanwhile changes nothing but times
        result["warnings"] = list(earlier.get("warnings", []))
        result["machine"] = earlier.get("machine", result["machine"])
    parts = {name: merged(earlier.get("parts", {}).get(name), found.get(name)) for name in PARTS}
    return result | {
        "parts": {name: part for name, part in parts.items() if part is not None},
        "missing": missing,
        "left_out": {name: reason for name, reason in left_out.items() if parts[name] is None} | (parts["cost"] or {}).get("left_out", {}),
    }


def merged(before: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, Any] | None:
    """A part with the rungs that were measured before and not now, where both saw the same; times are never mixed."""
    if before is None or now is None:
        return now or before
    fixed = [{key: value for key, value in part.items() if key not in ("by_rung", "measured")} for part in (before, now)]
    if "by_rung" not in now or fixed[0] != fixed[1]:
        return now
    return now | {"by_rung": before["by_rung"] | now["by_rung"]}


def measure(args: argparse.Namespace, candidates: Sequence[Candidate], say: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, str]]:
    """The parts, and those that are left out with the reason."""
    # Imported here because the command's help is wanted without what these need, too.
    from benchmarks.ladder.accuracy import measure_accuracy, measure_flicker_on
    from benchmarks.ladder.cost import measure_cost
    from benchmarks.ladder.gallery import show_frames
    from benchmarks.ladder.grid import make_grid
    from benchmarks.ladder.learning import read_training
    from benchmarks.ladder.scenes import read_shots, render_shots

    console = plain_console(stderr=True)
    clips = args.video or [DEMO_CLIP]

    def shots() -> Any:
        return render_shots() if args.frames is None else read_shots(args.frames)

    works: dict[str, Callable[[], dict[str, Any]]] = {
        "facts": lambda: {"by_rung": {candidate.rung.name: facts(candidate) for candidate in candidates}},
        "cost": lambda: measure_cost(
            candidates, render_shots()[0].pixels, args.rounds, args.runs, args.round_seconds, args.precision, args.stride, say, console
        ),
        "accuracy": lambda: measure_accuracy(candidates, _labelled(args), say, console),
        "flicker": lambda: measure_flicker_on(candidates, clips, say),
        "frames": lambda: show_frames(candidates, shots(), args.cache / "pictures", say),
        "video": lambda: make_grid(candidates, clips[0], args.video_frames, args.cache / "ladder.mp4", args.cache / "pictures", say),
        "learning": lambda: read_training(_given(args.training, "--training")),
    }
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name in PARTS:
        if name in args.parts:
            try:
                found[name] = works[name]()
            except NotGivenError as error:
                left_out[name] = str(error)
    return found, left_out


def write_pages(args: argparse.Namespace, result: dict[str, Any]) -> list[Path]:
    """Writes what is asked for, and returns where it is."""
    if args.page is None and args.docs is None:
        return []
    from benchmarks.ladder.markdown import write_docs
    from benchmarks.ladder.page import ladder_page, picture_folder
    from lanes.files import write_atomically

    written = []
    pictures = picture_folder(args.cache / "pictures", args.docs)
    if args.page is not None:
        write_atomically(args.page, ladder_page(result, pictures))
        written.append(args.page)
    if args.docs is not None:
        write_docs(args.docs, result, pictures)
        written.append(args.docs)
    return written


def print_result(result: dict[str, Any], console: Any) -> None:
    """The table and the verdicts, for the terminal."""
    from rich.table import Table

    from benchmarks.ladder.expectations import verdicts
    from benchmarks.ladder.show import COLUMNS, summary_rows

    view = Table(box=None)
    for column in COLUMNS:
        view.add_column(column, justify="left" if column == "rung" else "right")
    for row in summary_rows(result["parts"]):
        view.add_row(*row)
    console.print(view)
    for verdict in verdicts(result["parts"]):
        console.print(f"{verdict.word}: {verdict.claim} ({verdict.asked}): {verdict.value}", highlight=False, soft_wrap=True, markup=False)
    for name, reason in result["missing"].items():
        console.print(f"not there: {name}: {reason}", style="dim", highlight=False, soft_wrap=True, markup=False)


class NotGivenError(InputError):
    """A part needs files that were not named."""


def _given(value: Any, flag: str) -> Any:
    if value is None:
        raise NotGivenError(f"{flag} is not given")
    return value


def _labelled(args: argparse.Namespace) -> list[LabelledFrame]:
    frames = [frame for frame in list_frames(_given(args.data, "--data"), args.split) if frame.for_validation]
    if not frames:
        raise InputError(f"{args.data} has no frames of split {args.split!r}: name another with --split")
    return frames if args.limit is None else list(subsample_by_source(frames, args.limit) or frames[: args.limit])
