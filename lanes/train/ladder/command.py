"""Trains the rungs of the ladder: `python -m lanes.train.ladder --data lanedata --out runs/ladder --jobs 4`.

Every rung gets the same seconds of one processor core, the same frames and crops, and several seeds; learning curves show what each makes
of few frames. The budget is the processor time of the training's process, for examples as well as for steps. Decoding and scaling the
frames, done once for all, and validation are outside it. The threshold is chosen on drives of the training split that are not trained
on. A job that is done is not done again: the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rich.console import Console

from lanes.cli.arguments import Parser, count, output_path, positive
from lanes.cli.console import plain_console
from lanes.cli.logs import messages
from lanes.errors import ProcessingError, exit_status
from lanes.files import make_folder, write_atomically
from lanes.models import LADDER
from lanes.train.ladder.frames import divide, prepare
from lanes.train.ladder.job import Job, Settings, run_job
from lanes.train.ladder.summary import summarise
from lanes.train.request import claim

CURVES = ("unet_plain", "unet_noskip", "fcn", "deeplab")
"""The rungs that have a learning curve."""

BF16_FLAGS = {"amx_bf16", "avx512_bf16", "bf16"}
"""Flags of /proc/cpuinfo, x86-64 and ARM, of processors that multiply bf16."""


def list_jobs(args: argparse.Namespace) -> list[Job]:
    """What is to be trained, the longest first, so that no core waits for a long one at the end."""
    names = args.only or list(LADDER)
    seeds = range(1, args.seeds + 1)
    rungs = [Job(name, None, seed, args.seconds) for seed in seeds for name in names]
    curves = [
        Job(name, frames, seed, args.curve_seconds, curve=True)
        for seed in seeds
        for frames in args.curve_frames
        for name in CURVES
        if name in names
    ]
    return sorted([*rungs, *curves], key=lambda job: -job.seconds)


def train_ladder(args: argparse.Namespace, console: Console) -> Path:
    """Runs all jobs that are not done, and writes ladder.json.

    Raises:
        InputError: the data or the folder cannot be used.
        ProcessingError: a job failed; the others are done.
    """
    make_folder(args.out)
    claim(args.out, {"data": str(args.data), "options": [args.precision, args.batch, args.val_frames, args.threads]})
    settings = Settings(args.data, args.out, args.batch, _precision(args.precision), args.threads, args.val_frames)
    jobs = list_jobs(args)
    os.environ |= {name: str(args.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}  # of the processes to come
    failed = []
    with ProcessPoolExecutor(args.jobs, multiprocessing.get_context("spawn")) as executor:
        console.print("preparing frames", highlight=False)
        prepare(divide(args.data, args.val_frames), args.out / "frames", executor)
        left = [job for job in jobs if not settings.report(job).exists()]
        console.print(f"{len(jobs) - len(left)} of {len(jobs)} jobs are done", highlight=False)
        running = {executor.submit(run_job, job, settings): job for job in left}
        try:
            for future in as_completed(running):
                job, error = running[future], future.exception()
                if error is not None:
                    failed.append(f"{job.name}: {type(error).__name__}: {error}")
                console.print(failed[-1] if error is not None else _line(job, future.result()), highlight=False, markup=False)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    path: Path = args.out / "ladder.json"
    reports = [json.loads(settings.report(job).read_text()) for job in jobs if settings.report(job).exists()]
    write_atomically(path, json.dumps({"settings": _facts(args, settings)} | summarise(reports), indent=1) + "\n")
    if failed:
        raise ProcessingError(f"{len(failed)} of {len(jobs)} jobs failed, the same command tries them again: {failed[0]}")
    return path


def _precision(wanted: str) -> str:
    """`auto` as what pays on this processor."""
    if wanted != "auto":
        return wanted
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text(errors="replace").split()) if cpuinfo.exists() else set()
    return "bf16" if flags & BF16_FLAGS else "fp32"


def _line(job: Job, report: dict[str, Any]) -> str:
    mean = report["scores"]["validation"]["mean"]
    return f"{job.name}: {report['steps']} steps in {report['used_s']:.0f} s, relaxed F1 {mean['relaxed_f1']:.3f}, IoU {mean['iou']:.3f}"


def _facts(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    return {
        "seconds": args.seconds,
        "curve_seconds": args.curve_seconds,
        "seeds": args.seeds,
        "batch": settings.batch,
        "precision": settings.precision,
        "threads": settings.threads,
    }


def frames_of_curve(text: str) -> int | None:
    """A number of frames from 1 up, or `all`."""
    return None if text == "all" else count(text)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = Parser("python -m lanes.train.ladder", __doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled frames, in any format of docs/training.md")
    parser.add_argument("--out", type=output_path, required=True, metavar="DIR", help="folder for frames, checkpoints and scores")
    parser.add_argument("--only", type=str, nargs="+", choices=list(LADDER), metavar="NAME", help="rungs to train; without it all")
    parser.add_argument("--seconds", type=positive, default=240.0, metavar="S", help="processor seconds of each training")
    parser.add_argument("--curve-seconds", type=positive, default=60.0, metavar="S", help="the same of each point of a learning curve")
    parser.add_argument(
        "--curve-frames",
        type=frames_of_curve,
        nargs="*",
        default=(25, 50, 100, 200, None),
        metavar="N",
        help="numbers of frames to learn from, or all; without a number there are no curves",
    )
    parser.add_argument("--seeds", type=count, default=3, metavar="N", help="trainings of each, with seeds from 1 up")
    parser.add_argument("--jobs", type=count, default=1, metavar="N", help="trainings at a time")
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="threads of each; the budget is of all together")
    parser.add_argument("--batch", type=count, default=8, metavar="N", help="examples a step")
    parser.add_argument(
        "--precision",
        type=str,
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="precision: auto is bf16 where processors multiply it",
    )
    parser.add_argument("--val-frames", type=count, default=32, metavar="N", help="frames of each source to validate on, at most")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = parse(arguments)
    with messages("lanes.train.ladder"):
        return exit_status("lanes.train.ladder", lambda: print(train_ladder(args, plain_console(stderr=True))))


if __name__ == "__main__":
    sys.exit(main())
